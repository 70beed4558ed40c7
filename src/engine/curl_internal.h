/* libcurl, loaded at first use. Only http*.c call it. */
#ifndef ENGINE_CURL_INTERNAL_H
#define ENGINE_CURL_INTERNAL_H

#include <curl/curl.h>

#include "base/error.h"
#include "base/library.h"

extern LIBRARY_FUNCTION(curl_global_init);
extern LIBRARY_FUNCTION(curl_multi_init);
extern LIBRARY_FUNCTION(curl_multi_cleanup);
extern LIBRARY_FUNCTION(curl_multi_setopt);
extern LIBRARY_FUNCTION(curl_multi_add_handle);
extern LIBRARY_FUNCTION(curl_multi_remove_handle);
extern LIBRARY_FUNCTION(curl_multi_perform);
extern LIBRARY_FUNCTION(curl_multi_poll);
extern LIBRARY_FUNCTION(curl_multi_info_read);
extern LIBRARY_FUNCTION(curl_multi_strerror);
extern LIBRARY_FUNCTION(curl_easy_init);
extern LIBRARY_FUNCTION(curl_easy_cleanup);
extern LIBRARY_FUNCTION(curl_easy_setopt);
extern LIBRARY_FUNCTION(curl_easy_getinfo);
extern LIBRARY_FUNCTION(curl_easy_strerror);
extern LIBRARY_FUNCTION(curl_easy_escape);
extern LIBRARY_FUNCTION(curl_free);
extern LIBRARY_FUNCTION(curl_slist_append);

/* -1 with ERROR_SYSTEM when the library is missing or too old. */
int curl_load(struct error *err);

#endif
