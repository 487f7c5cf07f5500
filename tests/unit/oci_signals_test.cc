#include "oci/signals.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>

namespace litebox::oci {
namespace {

TEST(OciSignals, AreTakenByNumberAndName) {
  for (const auto& [text, number] : std::initializer_list<std::pair<const char*, int>>{{"9", 9},
                                                                                       {"0", 0},
                                                                                       {"64", 64},
                                                                                       {"KILL", 9},
                                                                                       {"sigkill", 9},
                                                                                       {"SigTerm", 15},
                                                                                       {"CHLD", 17},
                                                                                       {"SIGCLD", 17},
                                                                                       {"IOT", 6},
                                                                                       {"POLL", 29},
                                                                                       {"SYS", 31},
                                                                                       {"WINCH", 28},
                                                                                       {"RTMIN", 34},
                                                                                       {"SIGRTMIN+3", 37},
                                                                                       {"rtmax-1", 63},
                                                                                       {"RTMAX", 64},
                                                                                       {"RTMIN+30", 64}}) {
    const auto signal = parse_signal(text);
    ASSERT_TRUE(signal.ok()) << text;
    EXPECT_EQ(*signal, number) << text;
  }
}

TEST(OciSignals, AreRefusedWithTheTextThatCallersKnow) {
  for (const char* text :
       {"", "65", "-1", "999", "9 ", "SIG", "NOPE", "SIG9", "RTMIN-1", "RTMIN+31", "RTMAX+1", "RTMIN+", "KILL+1", "+1"}) {
    const auto signal = parse_signal(text);
    ASSERT_FALSE(signal.ok()) << text;
    EXPECT_EQ(signal.error().message(), std::string("unknown signal \"") + text + "\"");
  }
}

TEST(OciSignals, HaveNamesThatAreReadBack) {
  EXPECT_EQ(signal_name(9), "SIGKILL");
  EXPECT_EQ(signal_name(6), "SIGABRT");
  EXPECT_EQ(signal_name(37), "SIGRTMIN+3");
  EXPECT_EQ(signal_name(32), "32") << "libc's own";
  for (int number = 1; number <= 64; ++number) EXPECT_EQ(*parse_signal(signal_name(number)), number);
}

}  // namespace
}  // namespace litebox::oci
