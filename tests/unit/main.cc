// The main function of every program of unit tests: what it was started with must not change what the tests see.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <csignal>

int main(int argc, char** argv) {
  ::umask(022);
  (void)std::signal(SIGPIPE, SIG_DFL);
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
