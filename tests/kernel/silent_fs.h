/*
 * A file system (FUSE) of one file, which doesn't answer for what lies behind an offset until it is
 * told to. Once a read has been handed to it, whoever waits is in D state: no signal ends that.
 * For children with a mount namespace of their own: it ends with the process that mounted it.
 */
#ifndef TESTS_KERNEL_SILENT_FS_H
#define TESTS_KERNEL_SILENT_FS_H

#include <stddef.h>
#include <sys/types.h>

struct silent_fs {
	const char *directory;
	char file[256]; /* mode 0755 */
	struct silent_shared *shared;
};

/* Over the directory, with what the file `content` has. Ends the child (EXPECT) when it can't be
 * had. */
void silent_fs_mount(struct silent_fs *ret, const char *directory, const char *content,
		     off_t silent_from);
/* Waits until somebody waits for it. */
void silent_fs_wait(const struct silent_fs *fs);
/* From now on it answers. */
void silent_fs_speak(const struct silent_fs *fs);
#endif
