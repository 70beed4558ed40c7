#include "silent_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/child.h"
#include "process_support.h"

#define FILE_NODE 2
#define FOR_EVER 1000000
#define REQUEST_MAX (FUSE_MIN_READ_BUFFER + 65536)
#define PENDING_MAX 16

struct silent_shared {
	_Atomic bool asked;
	_Atomic bool speaks;
};

struct server {
	int fd;
	int content_fd;
	off_t size;
	off_t silent_from;
	struct silent_shared *shared;
	struct fuse_in_header pending[PENDING_MAX];
	struct fuse_read_in reads[PENDING_MAX];
	size_t pending_count;
};

static void reply(const struct server *server, uint64_t unique, int errnum, const void *data,
		  size_t length)
{
	char buffer[sizeof(struct fuse_out_header) + 131072];
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + length),
		.error = -errnum,
		.unique = unique,
	};

	memcpy(buffer, &header, sizeof(header));
	if (length)
		memcpy(buffer + sizeof(header), data, length);
	/* ENOENT: the one who asked is gone. */
	(void)!write(server->fd, buffer, header.len);
}

static struct fuse_attr attributes(const struct server *server, uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.size = node == FILE_NODE ? (uint64_t)server->size : 0,
		.mode = node == FILE_NODE ? S_IFREG | 0755 : S_IFDIR | 0755,
		.nlink = 1,
		.blksize = 4096,
	};
}

static void answer_read(const struct server *server, uint64_t unique, const struct fuse_read_in *in)
{
	static char data[131072];
	size_t wanted = in->size < sizeof(data) ? in->size : sizeof(data);
	ssize_t got = pread(server->content_fd, data, wanted, (off_t)in->offset);

	reply(server, unique, got < 0 ? errno : 0, data, got < 0 ? 0 : (size_t)got);
}

static void take_read(struct server *server, const struct fuse_in_header *in,
		      const struct fuse_read_in *wanted)
{
	if ((off_t)wanted->offset < server->silent_from || server->shared->speaks) {
		answer_read(server, in->unique, wanted);
		return;
	}
	if (server->pending_count == PENDING_MAX)
		_exit(1);
	server->pending[server->pending_count] = *in;
	server->reads[server->pending_count++] = *wanted;
	server->shared->asked = true;
}

static void introduce(const struct server *server, const struct fuse_in_header *in)
{
	/* No readahead: only what is really looked at is asked for. */
	const struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_write = 4096,
	};

	reply(server, in->unique, 0, &out, sizeof(out));
}

static void answer(struct server *server, const struct fuse_in_header *in, const void *argument)
{
	struct fuse_entry_out entry = { .nodeid = FILE_NODE,
					.entry_valid = FOR_EVER,
					.attr_valid = FOR_EVER,
					.attr = attributes(server, FILE_NODE) };
	struct fuse_attr_out attr = { .attr_valid = FOR_EVER,
				      .attr = attributes(server, in->nodeid) };
	struct fuse_open_out opened = { .fh = 0 };

	switch (in->opcode) {
	case FUSE_INIT:
		introduce(server, in);
		break;
	case FUSE_LOOKUP:
		if (strcmp(argument, "file") != 0)
			reply(server, in->unique, ENOENT, NULL, 0);
		else
			reply(server, in->unique, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		reply(server, in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		reply(server, in->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		take_read(server, in, argument);
		break;
	case FUSE_RELEASE:
		reply(server, in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(server, in->unique, ENOSYS, NULL, 0);
		break;
	}
}

static void answer_pending(struct server *server)
{
	for (size_t i = 0; i < server->pending_count; i++)
		answer_read(server, server->pending[i].unique, &server->reads[i]);
	server->pending_count = 0;
}

static int serve(void *data)
{
	static char request[REQUEST_MAX];
	struct server *server = data;
	struct pollfd poll_fd = { .fd = server->fd, .events = POLLIN };

	for (;;) {
		ssize_t length;

		if (server->shared->speaks)
			answer_pending(server);
		if (poll(&poll_fd, 1, 5) <= 0)
			continue;
		length = read(server->fd, request, sizeof(request));
		/* ENODEV: unmounted. ENOENT: taken back before we read it. */
		if (length < 0 && errno == ENODEV)
			return 0;
		if (length >= (ssize_t)sizeof(struct fuse_in_header))
			answer(server, (const void *)request,
			       request + sizeof(struct fuse_in_header));
	}
}

static int open_device(const char *directory)
{
	char path[256];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	snprintf(path, sizeof(path), "%s/device", directory);
	if (mknod(path, S_IFCHR | 0600, 10 << 8 | 229))
		return -1;
	fd = open(path, O_RDWR | O_CLOEXEC);
	(void)unlink(path);
	return fd;
}

void silent_fs_mount(struct silent_fs *ret, const char *directory, const char *content,
		     off_t silent_from)
{
	struct child child = CHILD_NONE;
	struct server server = { .silent_from = silent_from };
	struct stat status;
	char options[96];

	ret->directory = directory;
	snprintf(ret->file, sizeof(ret->file), "%s/file", directory);
	ret->shared = mmap(NULL, sizeof(*ret->shared), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(ret->shared != MAP_FAILED);
	server.shared = ret->shared;
	server.content_fd = open(content, O_RDONLY | O_CLOEXEC);
	EXPECT(server.content_fd >= 0 && !fstat(server.content_fd, &status));
	server.size = status.st_size;
	server.fd = open_device(directory);
	EXPECT(server.fd >= 0);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
		 server.fd);
	EXPECT(!mount("silent", directory, "fuse", 0, options));
	EXPECT(!child_fork(serve, &server, &child, NULL));
	/* Its connection must end with it. */
	close(server.fd);
	close(server.content_fd);
}

void silent_fs_wait(const struct silent_fs *fs)
{
	for (int i = 0; i < 4000 && !fs->shared->asked; i++)
		usleep(5000);
	EXPECT(fs->shared->asked);
}

void silent_fs_speak(const struct silent_fs *fs)
{
	fs->shared->speaks = true;
}
