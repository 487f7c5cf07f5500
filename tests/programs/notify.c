// Tells the service manager, by NOTIFY_SOCKET, that it is ready (sd_notify(3)), and waits.
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(void) {
  const char* path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (path == NULL || strlen(path) >= sizeof address.sun_path) return 1;
  strcpy(address.sun_path, path);
  usleep(200000);
  const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  const char text[] = "STATUS=almost\nREADY=1\n";
  if (sendto(fd, text, sizeof text - 1, 0, (struct sockaddr*)&address, sizeof address) < 0) return 2;
  for (;;) pause();
}
