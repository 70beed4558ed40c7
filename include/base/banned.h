/* Put before every file by the Makefile: calls that have no place here don't compile. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BANNED(function) use_of_##function##_is_banned

#undef strcpy
#define strcpy(to, from) BANNED(strcpy)
#undef strcat
#define strcat(to, from) BANNED(strcat)
#undef strncpy
#define strncpy(to, from, count) BANNED(strncpy)
#undef strncat
#define strncat(to, from, count) BANNED(strncat)
#undef strtok
#define strtok(text, delimiters) BANNED(strtok)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef atoi
#define atoi(text) BANNED(atoi)
#undef atol
#define atol(text) BANNED(atol)
#undef system
#define system(command) BANNED(system)
#undef tmpnam
#define tmpnam(buffer) BANNED(tmpnam)

#endif
