/* Linked with an executable stack: runs code that it has put there. */
int main(void) {
  volatile unsigned char code[] = {0xb8, 7, 0, 0, 0, 0xc3}; /* mov $7, %eax; ret */
  int (*const function)(void) = (int (*)(void))(unsigned long)code;
  return function();
}
