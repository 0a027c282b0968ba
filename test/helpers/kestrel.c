/* Stands in for Volant's agent, and behaves as it does where a build may get it wrong: it is started without a PATH and
   looks a bare name up in its own environment, before the workload's is set; the working folder must be there; words are
   trimmed and empty ones dropped; it copies itself into a disk, mounts over /run and /tmp, polls the health endpoint, and
   halts on a fatal error. What it is to do is in /etc/kestrel.spec of the initramfs (test/helpers/agent.ts), fields that
   each end in a NUL: CHECK HEALTH-URL WORKDIR NUMBER-OF-VARIABLES NAME=VALUE... WORD...
   When the workload is up, a shell of the guest runs CHECK; then the workload is stopped and the guest powered off. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROOT "/mnt"
#define AGENT "/usr/local/bin/kestrel"
#define MAX_FIELDS 256

extern char **environ;

static void halt_with(const char *context, const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("kestrel: fatal error in pid1 (%s): ", context);
  vprintf(format, args);
  printf("\nkestrel: pid1 cannot exit; halting\n");
  fflush(stdout);
  for (;;) pause();
}

static char *trim(char *text) {
  while (isspace((unsigned char)*text)) text++;
  for (size_t size = strlen(text); size > 0 && isspace((unsigned char)text[size - 1]); size--) text[size - 1] = 0;
  return text;
}

static char *trim_value(char *variable) {
  char *value = strchr(variable, '=') + 1, *trimmed = trim(value);
  memmove(value, trimmed, strlen(trimmed) + 1);
  return variable;
}

/* The first disk, or 0 after a while: then the initramfs is the root. */
static int wait_for_disk(void) {
  for (int i = 0; i < 100; i++) {
    if (access("/dev/vda", F_OK) == 0) return 1;
    if (access("/modules", F_OK) != 0) return 0;
    usleep(50000);
  }
  return 0;
}

static const char *filesystem(char *line) {
  int fd = open("/proc/cmdline", O_RDONLY);
  ssize_t size = fd < 0 ? 0 : read(fd, line, 4095);
  line[size > 0 ? size : 0] = 0;
  close(fd);
  for (char *word = strtok(line, " \n"); word != NULL; word = strtok(NULL, " \n")) {
    if (strncmp(word, "volant.rootfs_fstype=", 21) == 0) return word + 21;
  }
  return "ext4";
}

static void copy_self(void) {
  char buffer[65536];
  mkdir(ROOT "/usr", 0755);
  mkdir(ROOT "/usr/local", 0755);
  mkdir(ROOT "/usr/local/bin", 0755);
  int from = open("/proc/self/exe", O_RDONLY);
  int to = open(ROOT AGENT ".tmp", O_CREAT | O_WRONLY | O_TRUNC, 0755);
  if (from < 0 || to < 0) halt_with("bootstrap", "copy self failed: %s", strerror(errno));
  for (ssize_t size; (size = read(from, buffer, sizeof buffer)) != 0;) {
    if (size < 0 || write(to, buffer, size) != size) halt_with("bootstrap", "copy self failed: %s", strerror(errno));
  }
  close(from);
  close(to);
  if (rename(ROOT AGENT ".tmp", ROOT AGENT) != 0) halt_with("bootstrap", "copy self failed: %s", strerror(errno));
  sync();
}

static void enter_disk(char **fields, int count) {
  char line[4096];
  const char *type = filesystem(line);
  mkdir(ROOT, 0755);
  if (mount("/dev/vda", ROOT, type, MS_RELATIME, NULL) != 0)
    halt_with("bootstrap", "mount rootfs /dev/vda as %s: %s", type, strerror(errno));
  copy_self();
  char *argv[MAX_FIELDS + 6] = {"busybox", "switch_root", ROOT, AGENT, "stage2"};
  for (int i = 0; i < count; i++) argv[5 + i] = fields[i];
  execv("/bin/busybox", argv);
  halt_with("bootstrap", "switch_root: %s", strerror(errno));
}

static void mount_all(void) {
  const struct { const char *type, *at, *options; mode_t mode; } mounts[] = {
      {"proc", "/proc", NULL, 0755},         {"sysfs", "/sys", NULL, 0755},
      {"devtmpfs", "/dev", NULL, 0755},      {"devpts", "/dev/pts", "mode=0620,gid=5", 0755},
      {"tmpfs", "/dev/shm", "mode=1777", 01777}, {"tmpfs", "/run", NULL, 0755},
      {"tmpfs", "/tmp", NULL, 01777},
  };
  for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
    mkdir(mounts[i].at, mounts[i].mode);
    if (mount(mounts[i].type, mounts[i].at, mounts[i].type, 0, mounts[i].options) != 0 && errno != EBUSY)
      halt_with("bootstrap", "mount %s: %s", mounts[i].at, strerror(errno));
  }
  int console = open("/dev/console", O_RDWR);
  for (int fd = 0; fd < 3 && console >= 0; fd++) dup2(console, fd);
}

/* The kernel does it for the address that Volant's command line gives it. */
static void bring_up_loopback(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) perror("lo");
  close(fd);
}

/* A bare name is looked up in this process's own PATH; one with a slash is left to the kernel. */
static const char *look_up(const char *name) {
  static char path[4096];
  if (strchr(name, '/') != NULL) return name;
  const char *list = getenv("PATH");
  while (list != NULL && *list != 0) {
    int size = (int)strcspn(list, ":");
    snprintf(path, sizeof path, "%.*s/%s", size, list, name);
    if (access(path, X_OK) == 0) return path;
    list += size + (list[size] == ':');
  }
  halt_with("start workload", "exec: \"%s\": executable file not found in $PATH", name);
  return NULL;
}

/* Starts a program in a process group of its own; a failure between fork and exec comes back through a pipe. */
static pid_t start(const char *program, char *const argv[], char *const env[], const char *folder) {
  int failure[2], error;
  if (pipe2(failure, O_CLOEXEC) != 0) halt_with("start workload", "pipe: %s", strerror(errno));
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    if (*folder == 0 || chdir(folder) == 0) execve(program, argv, env);
    error = errno;
    if (write(failure[1], &error, sizeof error) < 0) perror("pipe");
    _exit(127);
  }
  close(failure[1]);
  if (read(failure[0], &error, sizeof error) == sizeof error)
    halt_with("start workload", "fork/exec %s: %s", program, strerror(error));
  close(failure[0]);
  return pid;
}

/* The status of a GET of http://ADDRESS:PORT/PATH, or 0. */
static int probe(const char *url) {
  char host[64] = "", path[512] = "/", buffer[1024];
  int port = 80, status = 0;
  if (sscanf(url, "http://%63[^:/]:%d%511s", host, &port, path) < 1) return 0;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  inet_pton(AF_INET, host, &address.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  const struct timeval patience = {.tv_sec = 5};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
    int size = snprintf(buffer, sizeof buffer, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nConnection: close\r\n\r\n", path, host, port);
    ssize_t got = send(fd, buffer, (size_t)size, MSG_NOSIGNAL) == size ? read(fd, buffer, sizeof buffer - 1) : 0;
    buffer[got > 0 ? got : 0] = 0;
    sscanf(buffer, "HTTP/%*s %d", &status);
  }
  close(fd);
  return status;
}

static void wait_for_health(const char *url) {
  const time_t end = time(NULL) + 120;
  while (*url != 0) {
    int status = probe(url);
    if (status >= 200 && status < 300) return;
    if (time(NULL) > end) halt_with("start workload", "workload health check failed: context deadline exceeded");
    usleep(50000);
  }
}

/* Stops a process group: what does not end within ten seconds is killed. */
static int stop(pid_t pid) {
  int status = 0;
  kill(-pid, SIGTERM);
  for (int i = 0; i < 100; i++) {
    if (waitpid(pid, &status, WNOHANG) != 0) return status;
    usleep(100000);
  }
  kill(-pid, SIGKILL);
  waitpid(pid, &status, 0);
  return status;
}

static void power_off(void) {
  kill(-1, SIGKILL);
  while (wait(NULL) > 0) {
  }
  sync();
  if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0) perror("remount");
  fflush(stdout);
  reboot(RB_POWER_OFF);
}

static void run(char **fields, int count) {
  printf("kestrel is process %d\n", getpid());
  if (count < 5) halt_with("resolve manifest", "the specification has %d fields", count);
  char *check = fields[0], *health = trim(fields[1]), *folder = trim(fields[2]);
  int variables = atoi(fields[3]), words = 0, environment = 0;
  char *argv[MAX_FIELDS + 1] = {NULL}, *env[MAX_FIELDS + 8] = {NULL};
  for (int i = 4 + variables; i < count; i++) {
    char *word = trim(fields[i]);
    if (*word != 0) argv[words++] = word;
  }
  if (words == 0) halt_with("start workload", "manifest workload entrypoint required for http workload");
  const char *program = look_up(argv[0]);
  for (char **own = environ; *own != NULL && environment < 4; own++) env[environment++] = *own;
  int hasPath = 0;
  for (int i = 0; i < variables; i++) hasPath |= strncmp(fields[4 + i], "PATH=", 5) == 0;
  if (!hasPath) env[environment++] = "PATH=/usr/local/bin:/usr/bin:/bin";
  for (int i = 0; i < variables; i++) env[environment++] = trim_value(fields[4 + i]);

  pid_t workload = start(program, argv, env, folder);
  wait_for_health(health);
  printf("kestrel: workload process started (pid=%d)\n", workload);
  char *shell[] = {"sh", "-c", check, NULL};
  int status = 0;
  waitpid(start("/bin/sh", shell, env, "/"), &status, 0);
  printf("check ended with %d\n", WEXITSTATUS(status));
  printf("workload ended with %d\n", stop(workload));
  power_off();
}

int main(int argc, char *argv[]) {
  static char spec[65536];
  char *fields[MAX_FIELDS];
  int count = 0;
  if (argc > 1 && strcmp(argv[1], "stage2") == 0) {
    mount_all();
    bring_up_loopback();
    run(argv + 2, argc - 2);
  }
  int fd = open("/etc/kestrel.spec", O_RDONLY);
  ssize_t size = fd < 0 ? 0 : read(fd, spec, sizeof spec);
  for (char *at = spec; at < spec + size && count < MAX_FIELDS; at += strlen(at) + 1) fields[count++] = at;
  if (wait_for_disk()) enter_disk(fields, count);
  mount_all();
  bring_up_loopback();
  run(fields, count);
  return 1;
}
