/* Stands in for the agent of a disk: starts the workload, has a script judge it, stops it and powers the guest off.
   Usage: kestrel CHECK-SCRIPT WORKLOAD [ARG...] */
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(char *const argv[]) {
  pid_t pid = fork();
  if (pid == 0) {
    execvp(argv[0], argv);
    perror(argv[0]);
    _exit(127);
  }
  return pid;
}

int main(int argc, char *argv[]) {
  int status = -1;
  printf("kestrel is process %d\n", getpid());
  fflush(stdout);
  if (argc > 2) {
    char *check[] = {"sh", "-c", argv[1], NULL};
    pid_t workload = start(argv + 2);
    waitpid(start(check), &status, 0);
    printf("check ended with %d\n", WEXITSTATUS(status));
    kill(workload, SIGTERM);
    waitpid(workload, &status, 0);
    printf("workload ended with %d\n", status);
  }
  while (wait(NULL) > 0) {
  }
  sync();
  if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0) perror("remount");
  fflush(stdout);
  reboot(RB_POWER_OFF);
  return 1;
}
