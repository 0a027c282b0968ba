/* PID 1 of a guest that holds nothing else: it says hello and powers off. */
#include <stdio.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(void) {
  printf("static-binary: hello from PID %d\n", (int)getpid());
  fflush(stdout);
  sync();
  reboot(RB_POWER_OFF);
  return 1;
}
