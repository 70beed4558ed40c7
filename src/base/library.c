#include "base/library.h"

#include <dlfcn.h>

int library_prepare(char **argv, bool all, struct error *err)
{
	(void)argv;
	(void)all;
	(void)err;
	return 0;
}

#ifdef LIBRARIES_LINKED

int library_load(const char *soname, const struct library_symbol *symbols, size_t count,
		 struct error *err)
{
	(void)soname;
	(void)err;
	for (size_t i = 0; i < count; i++)
		*symbols[i].address = symbols[i].function;
	return 0;
}

#else

int library_load(const char *soname, const struct library_symbol *symbols, size_t count,
		 struct error *err)
{
	void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return error_set(err, ERROR_SYSTEM, "unable to load %s: %s", soname, dlerror());
	for (size_t i = 0; i < count; i++)
		if (!dlsym(library, symbols[i].name)) {
			(void)dlclose(library);
			return error_set(err, ERROR_SYSTEM, "unable to use %s: no function %s",
					 soname, symbols[i].name);
		}
	for (size_t i = 0; i < count; i++)
		*symbols[i].address = dlsym(library, symbols[i].name);
	return 0;
}

#endif
