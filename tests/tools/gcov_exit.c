/* For `make coverage`: a ci-janitor that leaves by _exit keeps its counts, too. A test's own child
 * may have been forked while another thread counted: there, gcov's lock would never be free. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

void __gcov_dump(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void __wrap__exit(int status)
{
	if (!strncmp(program_invocation_short_name, "ci-janitor", strlen("ci-janitor")))
		__gcov_dump();
	__real__exit(status);
}
