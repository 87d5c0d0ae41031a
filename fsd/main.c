/* SPDX-License-Identifier: MIT */
/*
 * fsd - queues and streams as files
 *
 * Everything is put together here, in order, and taken apart in the opposite
 * order; what happens between is the loop's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "control/config.h"
#include "control/methods_text.h"
#include "control/policy_text.h"
#include "fuse/mountpoint.h"
#include "layout.h"
#include "options.h"
#include "util/escape.h"
#include "util/failure.h"
#include "util/guard.h"
#include "util/log.h"
#include "util/timer.h"

#define DEFAULT_POLICY "/etc/fsd/policy.json"

#define MAX_CONFIG (4u << 20)	/* bytes */

struct daemon {
	struct options options;
	char *mountpoint;		/* owned, absolute */
	struct config *config;		/* owned, or NULL */
	struct loop *loop;
	struct store *store;
	struct opener *opener;
	struct session *session;
	struct registry registry;
	struct source signals;
	char *policy_path;		/* owned, absolute; NULL: no file */
	int ready_fd;			/* who started us waits for a byte; -1: nobody */
};

/* Before anything is done */

static int read_text(int fd, char **ret)
{
	_cleanup_(freep) char *text = malloc(MAX_CONFIG + 1);
	size_t n = 0;
	ssize_t got = 1;

	if (!text)
		return -ENOMEM;
	for (; got > 0 && n <= MAX_CONFIG; n += (size_t)got) {
		got = read(fd, text + n, MAX_CONFIG + 1 - n);
		if (got < 0)
			return -errno;
	}
	if (n > MAX_CONFIG)
		return -EMSGSIZE;
	text[n] = '\0';
	*ret = steal(text);
	return strlen(*ret) == n ? 0 : -EINVAL;
}

static int load_config(struct daemon *daemon)
{
	_cleanup_(freep) char *text = NULL, *problem = NULL;
	_cleanup_(closep) int fd = -1;
	const char *path = daemon->options.config;
	int r;

	if (!path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : read_text(fd, &text);
	if (r < 0)
		return log_errno(r, "cannot read configuration '%s'", path);
	r = config_parse(text, &daemon->config, &problem);
	if (r < 0)
		log_error("%s:%s", path, problem ? problem : "no memory");
	return r;
}

/* It may be read while the mount is in use: nothing that could keep us waiting, as a FIFO does. */
static int read_policy_text(const char *path, char **ret, char **ret_problem)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))
		return read_text(fd, ret);
	*ret_problem = strdup("it is no regular file");
	return -EINVAL;
}

/* Return: 0 and a policy, or why not; *@ret_problem is the caller's text, or NULL. */
static int read_policy(const char *path, struct policy **ret, char **ret_problem)
{
	_cleanup_(freep) char *text = path ? NULL : strdup("{}");
	int r = path ? read_policy_text(path, &text, ret_problem) : text ? 0 : -ENOMEM;

	return r < 0 ? r : policy_parse(text, ret, ret_problem);
}

static int load_policy(struct daemon *daemon)
{
	_cleanup_(freep) char *problem = NULL;
	const char *path = daemon->policy_path;
	int r = read_policy(path, &daemon->registry.policy, &problem);

	if (r < 0)
		log_error("cannot use policy '%s': %s", path ? path : "", problem ? problem : strerror(-r));
	return r;
}

/* A policy that cannot be used leaves the old one in force. */
static int reload_policy(struct registry *registry)
{
	struct daemon *daemon = container_of(registry, struct daemon, registry);
	_cleanup_(freep) char *problem = NULL;
	struct policy *policy = NULL;
	const char *path = daemon->policy_path;
	int r = read_policy(path, &policy, &problem);

	if (r < 0) {
		log_error("policy '%s' stays as it was: %s", path ? path : "",
			  problem ? problem : strerror(-r));
		return failure(r, "the policy stays as it was: %s", problem ? problem : strerror(-r));
	}
	policy_free(registry->policy);
	registry->policy = policy;
	log_info("policy '%s' is in force", path ? path : "without a file");
	return 0;
}

/* The file given, or the default one where there is one. */
static int find_policy(struct daemon *daemon)
{
	const char *path = daemon->options.policy;

	if (!path && (geteuid() != 0 || access(DEFAULT_POLICY, F_OK) < 0))
		return 0;
	daemon->policy_path = realpath(path ? path : DEFAULT_POLICY, NULL);
	if (!daemon->policy_path)
		return log_errno(-errno, "cannot find policy '%s'", path ? path : DEFAULT_POLICY);
	return 0;
}

static bool is_on_tmpfs(const char *path)
{
	struct statfs status;

	return statfs(path, &status) == 0 && status.f_type == TMPFS_MAGIC;
}

/* The folder of state directories, when no -s says otherwise. */
static const char *default_base(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	static char text[4096];

	if (runtime && *runtime == '/')
		snprintf(text, sizeof(text), "%s/fsd", runtime);
	else if (geteuid() != 0)
		snprintf(text, sizeof(text), "/dev/shm/fsd-%u", geteuid());
	else
		snprintf(text, sizeof(text), "%s", is_on_tmpfs("/run") ? "/run/fsd" : "/dev/shm/fsd");
	return text;
}

/* "/a/b-c" becomes "a-b%2Dc"; a name too long for a file is cut and told apart by a number. */
static char *name_of_mountpoint(const char *mountpoint)
{
	_cleanup_(freep) char *copy = strdup(mountpoint + 1), *escaped = NULL;
	_cleanup_(freep) char *name = NULL;
	unsigned long hash = 5381;

	for (char *part = copy ? strtok(copy, "/") : NULL; part; part = strtok(NULL, "/")) {
		_cleanup_(freep) char *before = steal(name);

		escaped = escape(part);
		name = escaped ? text_print("%s%s%s", before ? before : "", before ? "-" : "",
					    escaped) : NULL;
		if (!name)
			return NULL;
		free(steal(escaped));
	}
	for (const char *c = mountpoint; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	if (name && strlen(name) > 200)
		return text_print("%.180s-%lx", name, hash);
	return name ? steal(name) : strdup("root");
}

static char *default_state(const char *mountpoint)
{
	const char *runtime = getenv("RUNTIME_DIRECTORY");
	_cleanup_(freep) char *name = name_of_mountpoint(mountpoint);

	if (!name)
		return NULL;
	/* systemd may name several, with colons between. */
	if (runtime && *runtime == '/')
		return text_print("%.*s/%s", (int)strcspn(runtime, ":"), runtime, name);
	return text_print("%s/%s", default_base(), name);
}

/*
 * Where everybody may make a folder, somebody else may have made that of ours: he
 * could put other memory in the place of what our users are led to.
 */
static int check_base(const char *state)
{
	_cleanup_(freep) char *base = strndup(state, (size_t)(strrchr(state, '/') - state));
	struct stat status;

	if (!base)
		return -ENOMEM;
	if (stat(base, &status) < 0)
		return log_errno(-errno, "cannot look at '%s'", base);
	if ((status.st_uid == geteuid() || status.st_uid == 0) &&
	    (!(status.st_mode & 022) || status.st_mode & S_ISVTX))
		return 0;
	log_error("'%s' belongs to uid %u or may be written by others; choose a state directory with -s",
		  base, status.st_uid);
	return -EPERM;
}

static int open_state(struct daemon *daemon)
{
	_cleanup_(freep) char *by_default = NULL;
	const char *path = daemon->options.state;
	int r;

	if (!path)
		path = by_default = default_state(daemon->mountpoint);
	if (!path)
		return -ENOMEM;
	r = store_open(path, &daemon->store);
	if (r == 0 && by_default)
		r = check_base(store_path(daemon->store));
	if (r < 0)
		return r;
	if (!store_is_on_tmpfs(daemon->store))
		log_warning("state directory '%s' is not on a tmpfs: queues will be slower, ignoring",
			    path);
	return 0;
}

/* Signals */

static void on_signal(struct source *source, uint32_t events)
{
	struct daemon *daemon = container_of(source, struct daemon, signals);
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		reload_policy(&daemon->registry);
	else
		loop_stop(daemon->loop);
}

static int watch_signals(struct daemon *daemon)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	daemon->signals = SOURCE_INIT(on_signal);
	daemon->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (daemon->signals.fd < 0)
		return -errno;
	return loop_watch(daemon->loop, &daemon->signals, EPOLLIN);
}

/* From here on */

/* Tell who started us that all is there, and stand on our own. */
static int become_ready(struct daemon *daemon)
{
	int null;

	log_info("mounted on '%s', memory=%s, state in '%s'", daemon->mountpoint,
		 tree_memory_is_linked ? "link" : "passthrough", store_path(daemon->store));
	if (daemon->ready_fd < 0)
		return 0;
	if (chdir("/") < 0)
		return -errno;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	close_fd(null);
	if (write(daemon->ready_fd, "", 1) < 0)
		return -errno;
	daemon->ready_fd = close_fd(daemon->ready_fd);
	return 0;
}

static int fill_tree(struct daemon *daemon)
{
	int r = registry_init(&daemon->registry);

	if (r == 0)
		r = registry_adopt(&daemon->registry);
	if (r == 0)
		r = store_save_daemon(daemon->store, daemon->mountpoint);
	if (r < 0)
		return log_errno(r, "cannot set up from state directory '%s'",
				 store_path(daemon->store));
	return daemon->config ? config_apply(daemon->config, &daemon->registry) : 0;
}

static int start(struct daemon *daemon)
{
	int r = open_state(daemon);

	if (r == 0)
		r = mountpoint_prepare(daemon->mountpoint);
	if (r < 0)
		return r;
	r = loop_new(&daemon->loop);
	if (r == 0)
		r = watch_signals(daemon);
	if (r == 0)
		r = timers_init(daemon->loop);
	if (r == 0)
		r = opener_new(daemon->loop, daemon->mountpoint, &daemon->opener);
	if (r < 0)
		return log_errno(r, "cannot start");

	daemon->registry = (struct registry){
		.loop = daemon->loop,
		.store = daemon->store,
		.opener = daemon->opener,
		.layout = &mount_layout,
		.limits = daemon->options.limits,
		.mountpoint = daemon->mountpoint,
		.read_methods = methods_parse,
		.reload = reload_policy,
	};
	r = load_policy(daemon);
	if (r < 0)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &daemon->registry.started);
	store_announce(daemon->store);
	r = session_new(&daemon->registry, daemon->mountpoint, daemon->options.fuse_options,
			daemon->options.memory, &daemon->session);
	if (r == 0)
		r = fill_tree(daemon);
	if (r == 0)
		r = session_start(daemon->session);
	if (r < 0)
		return r;
	return become_ready(daemon);
}

/* What is not persistent ends with us; where the start @failed, only what it made. */
static void stop(struct daemon *daemon, bool failed)
{
	daemon->session = session_free(daemon->session);
	if (daemon->registry.layout)
		registry_deinit(&daemon->registry, failed);
	daemon->opener = opener_free(daemon->opener);
	if (daemon->loop) {
		timers_deinit(daemon->loop);
		loop_unwatch(daemon->loop, &daemon->signals);
	}
	close_fd(daemon->signals.fd);
	daemon->loop = loop_free(daemon->loop);
	if (daemon->store && store_is_empty(daemon->store))
		store_destroy(daemon->store);
	daemon->store = store_close(daemon->store);
}

static int run(struct daemon *daemon)
{
	int r = start(daemon);
	bool started = r == 0;

	if (started)
		r = loop_run(daemon->loop);
	stop(daemon, !started);
	return r;
}

/* Our descriptors shall not be taken for standard input, output or error. */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close_fd(fd);
}

static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/*
 * Go on in a child; the parent leaves when that is ready, or as that does.
 * Return: 0 in the child, else does not return but with an errno.
 */
static int go_to_background(struct daemon *daemon)
{
	int ends[2];
	char byte;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	close(ends[0]);
	daemon->ready_fd = ends[1];
	setsid();
	return 0;
}

static int prepare(struct daemon *daemon)
{
	int r = load_config(daemon);

	if (r < 0)
		return r;
	r = find_policy(daemon);
	if (r < 0)
		return r;
	r = mountpoint_resolve(daemon->options.mountpoint, &daemon->mountpoint);
	if (r < 0)
		return log_errno(r, "cannot use mount point '%s'", daemon->options.mountpoint);
	r = guard_install();
	if (r == 0 && !daemon->options.foreground)
		r = go_to_background(daemon);
	return r < 0 ? log_errno(r, "cannot start") : 0;
}

int main(int argc, char **argv)
{
	struct daemon daemon = { .ready_fd = -1, .signals.fd = -1 };
	int r;

	switch (options_parse(argc, argv, &daemon.options)) {
	case OPTIONS_DONE:
		return EXIT_SUCCESS;
	case OPTIONS_WRONG:
		return 2;
	case OPTIONS_RUN:
		break;
	}
	if (daemon.options.verbose)
		log_set_level(LOG_DEBUG);
	else if (!daemon.options.foreground)
		log_set_level(LOG_WARNING);	/* silent, as a command that succeeds is */
	fill_standard_fds();
	raise_limits();
	r = prepare(&daemon);
	if (r == 0)
		r = run(&daemon);
	config_free(daemon.config);
	options_deinit(&daemon.options);
	free(daemon.mountpoint);
	free(daemon.policy_path);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
