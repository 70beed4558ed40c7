/*
 * For the analyzers only, before each file: what they can't see from it. An error's setter returns
 * -1, so that what a failing function left unset isn't looked at.
 */
#include "base/error.h"

#define error_set(...) ((void)error_set(__VA_ARGS__), -1)
#define error_set_errno(...) ((void)error_set_errno(__VA_ARGS__), -1)
#define error_add_context(...) ((void)error_add_context(__VA_ARGS__), -1)
