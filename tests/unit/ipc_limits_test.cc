#include "shim/kernel/ipc_limits.h"

#include <gtest/gtest.h>

#include "rootfs/message_queues.h"

namespace litebox {
namespace {

TEST(IpcLimits, AreThoseOfANewNamespace) {
  const auto limits = kernel::read_ipc_limits({});
  ASSERT_TRUE(limits.ok());
  EXPECT_EQ(limits->message_bytes, 8192U);
  EXPECT_EQ(limits->segments, 4096U);
  EXPECT_EQ(limits->segment_bytes, 18446744073692774399U);
}

TEST(IpcLimits, AreConfigured) {
  const auto limits = kernel::read_ipc_limits({{"kernel/shmmax", "65536"},
                                               {"kernel/sem", "250 256000\t32  1024"},
                                               {"kernel/msgmni", "7"},
                                               {"net/core/somaxconn", "x"}});
  ASSERT_TRUE(limits.ok());
  EXPECT_EQ(limits->segment_bytes, 65536U);
  EXPECT_EQ(limits->set_semaphores, 250U);
  EXPECT_EQ(limits->semaphores, 256000U);
  EXPECT_EQ(limits->operations, 32U);
  EXPECT_EQ(limits->sets, 1024U);
  EXPECT_EQ(limits->queues, 7U);
}

TEST(IpcLimits, RefuseWhatIsNoLimit) {
  for (const char* value : {"", "x", "-1", "1x", "1 2", "99999999999999999999"}) {
    EXPECT_FALSE(kernel::read_ipc_limits({{"kernel/shmmax", value}}).ok()) << value;
  }
  EXPECT_FALSE(kernel::read_ipc_limits({{"kernel/sem", "1 2 3"}}).ok());
  EXPECT_FALSE(kernel::read_ipc_limits({{"kernel/shmmni", "32769"}}).ok());
}

TEST(MessageQueueLimits, AreConfigured) {
  const auto limits = rootfs::read_message_queue_limits({{"fs/mqueue/msg_max", "100"}, {"fs/mqueue/queues_max", "3"}});
  ASSERT_TRUE(limits.ok());
  EXPECT_EQ(limits->messages, 100);
  EXPECT_EQ(limits->queues, 3);
  EXPECT_EQ(limits->message_bytes, 8192);
  for (const char* value : {"", "0", "65537", "x"}) {
    EXPECT_FALSE(rootfs::read_message_queue_limits({{"fs/mqueue/msg_max", value}}).ok()) << value;
  }
}

}  // namespace
}  // namespace litebox
