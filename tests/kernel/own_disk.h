/* A file system of its own for a suite's temporary folders. A lock that is held there on a file
 * that has no name, can't be placed or is gone at once makes nobody doubt who looks at lockfiles
 * elsewhere: the tests that run beside this one, whose apps may have the same names. */
#ifndef TESTS_KERNEL_OWN_DISK_H
#define TESTS_KERNEL_OWN_DISK_H

/* For a suite's set_up and tear_down: temp_dir() is there in between. */
int own_disk_mount(void);
int own_disk_unmount(void);

#endif
