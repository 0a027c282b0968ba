/* A small agent in the place of kestrel: as PID 1 it runs the workload once, says how it ended and powers off. */
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  printf("agent: started as PID %d\n", (int)getpid());
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    execl("/usr/bin/greet", "greet", (char *)NULL);
    perror("agent: /usr/bin/greet");
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  printf("agent: the workload ended with status %d\n", WEXITSTATUS(status));
  fflush(stdout);
  sync();
  reboot(RB_POWER_OFF);
  return 1;
}
