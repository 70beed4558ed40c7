#include "curl_internal.h"

#include <stdbool.h>

#include "base/cleanup.h"

LIBRARY_FUNCTION(curl_global_init);
LIBRARY_FUNCTION(curl_multi_init);
LIBRARY_FUNCTION(curl_multi_cleanup);
LIBRARY_FUNCTION(curl_multi_setopt);
LIBRARY_FUNCTION(curl_multi_add_handle);
LIBRARY_FUNCTION(curl_multi_remove_handle);
LIBRARY_FUNCTION(curl_multi_perform);
LIBRARY_FUNCTION(curl_multi_poll);
LIBRARY_FUNCTION(curl_multi_info_read);
LIBRARY_FUNCTION(curl_multi_strerror);
LIBRARY_FUNCTION(curl_easy_init);
LIBRARY_FUNCTION(curl_easy_cleanup);
LIBRARY_FUNCTION(curl_easy_setopt);
LIBRARY_FUNCTION(curl_easy_getinfo);
LIBRARY_FUNCTION(curl_easy_strerror);
LIBRARY_FUNCTION(curl_easy_escape);
LIBRARY_FUNCTION(curl_free);
LIBRARY_FUNCTION(curl_slist_append);

static const struct library_symbol symbols[] = {
	LIBRARY_SYMBOL(curl_global_init),
	LIBRARY_SYMBOL(curl_multi_init),
	LIBRARY_SYMBOL(curl_multi_cleanup),
	LIBRARY_SYMBOL(curl_multi_setopt),
	LIBRARY_SYMBOL(curl_multi_add_handle),
	LIBRARY_SYMBOL(curl_multi_remove_handle),
	LIBRARY_SYMBOL(curl_multi_perform),
	LIBRARY_SYMBOL(curl_multi_poll),
	LIBRARY_SYMBOL(curl_multi_info_read),
	LIBRARY_SYMBOL(curl_multi_strerror),
	LIBRARY_SYMBOL(curl_easy_init),
	LIBRARY_SYMBOL(curl_easy_cleanup),
	LIBRARY_SYMBOL(curl_easy_setopt),
	LIBRARY_SYMBOL(curl_easy_getinfo),
	LIBRARY_SYMBOL(curl_easy_strerror),
	LIBRARY_SYMBOL(curl_easy_escape),
	LIBRARY_SYMBOL(curl_free),
	LIBRARY_SYMBOL(curl_slist_append),
};

int curl_load(struct error *err)
{
	static bool loaded;

	if (loaded)
		return 0;
	if (library_load("libcurl.so.4", symbols, ARRAY_SIZE(symbols), err) < 0)
		return -1;
	if (sym_curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, ERROR_SYSTEM, "unable to initialise libcurl");
	loaded = true;
	return 0;
}
