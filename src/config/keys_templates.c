/* [app] files */
#include "keys_internal.h"

#include <string.h>

/* An absolute path, globs in its directories, and the hole for the app's name once, in its last
 * part, which has no globs. */
bool config_is_file_template(const char *word)
{
	const char *last = strrchr(word, '/'), *hole = strstr(word, "{app}");

	if (word[0] != '/' || !hole || hole < last || strstr(hole + 1, "{app}") ||
	    strpbrk(last, "*?["))
		return false;
	for (const char *part = word; part; part = strchr(part + 1, '/')) {
		size_t length = strcspn(part + 1, "/");

		if (!length || (length == 1 && part[1] == '.') ||
		    (length == 2 && part[1] == '.' && part[2] == '.'))
			return false;
	}
	return true;
}
