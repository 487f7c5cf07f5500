// What a shim reads before it serves: its command line, its input, its options, its streams' addresses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/mount.h>

#include "runtime/containerd/bootstrap.h"
#include "runtime/containerd/rootfs_mounts.h"
#include "runtime/containerd/sha256.h"
#include "runtime/containerd/shim_arguments.h"
#include "runtime/containerd/stream_uri.h"
#include "runtime/containerd/task_options.h"
#include "wire/common.pb.h"
#include "wire/options.pb.h"

namespace litebox::containerd {
namespace {

TEST(ShimArguments, AreGoFlags) {
  const auto parsed = parse_shim_arguments({"-namespace", "k8s.io", "--address=/run/c.sock", "-id", "x", "-debug",
                                            "-publish-binary", "/usr/bin/containerd", "start"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->namespace_name, "k8s.io");
  EXPECT_EQ(parsed->address, "/run/c.sock");
  EXPECT_EQ(parsed->id, "x");
  EXPECT_TRUE(parsed->debug);
  EXPECT_EQ(parsed->action, "start");
  EXPECT_FALSE(parse_shim_arguments({"-debug=false"})->debug);
  EXPECT_FALSE(parse_shim_arguments({"-unheard-of"}).ok());
  EXPECT_FALSE(parse_shim_arguments({"-id"}).ok());
}

TEST(Sha256, OfTheStandardsExamples) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(std::string(1000, 'a')), "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
}

TEST(ShimGroup, IsThePodOrTheContainer) {
  EXPECT_EQ(shim_group(R"({"annotations":{"io.kubernetes.cri.sandbox-id":"pod"}})", "c"), "pod");
  EXPECT_EQ(shim_group(R"({"annotations":{"io.containerd.runc.v2.group":"g","io.kubernetes.cri.sandbox-id":"pod"}})", "c"),
            "g");
  EXPECT_EQ(shim_group(R"({"annotations":{"other":"x"}})", "c"), "c");
  EXPECT_EQ(shim_group(R"({"hostname":"io.kubernetes.cri.sandbox-id"})", "c"), "c");
  EXPECT_EQ(shim_group(R"({"annotations":{"io.kubernetes.cri.sandbox-id":7}})", "c"), "c");
  EXPECT_EQ(shim_group("not JSON io.kubernetes.cri.sandbox-id", "c"), "c");
}

TEST(SocketAddress, FitsASocketNameAndDiffersByGroup) {
  ShimArguments arguments;
  arguments.address = "/run/containerd/containerd.sock";
  arguments.namespace_name = "default";
  const SocketAddress first = socket_address({}, arguments, "a");
  EXPECT_EQ(first.text(), "unix:///run/containerd/s/" + sha256_hex("/run/containerd/containerd.sock/default/a"));
  EXPECT_LE(first.text().size(), 106U);
  EXPECT_NE(first.name, socket_address({}, arguments, "b").name);
}

TEST(BootstrapInput, IsAnAnyOrParameters) {
  ShimArguments arguments;
  arguments.id = "id";
  arguments.namespace_name = "ns";
  EXPECT_TRUE(read_bootstrap_input("", arguments).ok());

  wire::RuncOptions options;
  options.set_root("/elsewhere");
  options.set_shim_cgroup("/shims");
  wire::Any any;
  any.set_type_url("containerd.runc.v1.Options");
  any.set_value(options.SerializeAsString());
  auto input = read_bootstrap_input(any.SerializeAsString(), arguments);
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->options.shim_cgroup, "/shims");
  EXPECT_EQ(input->socket_directory, "/run/containerd/s");

  wire::BootstrapParams parameters;
  parameters.set_instance_id("id");
  parameters.set_namespace_("ns");
  parameters.set_ttrpc_address("/run/events");
  parameters.set_socket_directory("/run/sockets");
  input = read_bootstrap_input(parameters.SerializeAsString(), arguments);
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->event_address, "/run/events");
  EXPECT_EQ(input->socket_directory, "/run/sockets");

  EXPECT_FALSE(read_bootstrap_input("\xff\xff", arguments).ok());
}

TEST(TaskOptions, OfRuncAndOfCri) {
  wire::RuncOptions runc;
  runc.set_systemd_cgroup(true);
  runc.set_io_uid(7);
  auto options = read_task_options("type.googleapis.com/containerd.runc.v1.Options", runc.SerializeAsString());
  ASSERT_TRUE(options.ok());
  EXPECT_TRUE(options->systemd_cgroup);
  EXPECT_EQ(options->io_uid, 7U);
  EXPECT_EQ(options->io_gid, std::nullopt);
  EXPECT_EQ(options->root, kDefaultRoot);

  wire::RuntimeOptions cri;
  cri.set_config_body(
      "# litebox\nRoot = \"/state\"\nSystemdCgroup = true # as kubelet\nIoGid = 9\n\n[other]\nRoot = \"/no\"\n");
  options = read_task_options("runtimeoptions.v1.Options", cri.SerializeAsString());
  ASSERT_TRUE(options.ok());
  EXPECT_TRUE(options->systemd_cgroup);
  EXPECT_EQ(options->root, "/state");
  EXPECT_EQ(options->io_gid, 9U);

  EXPECT_TRUE(read_task_options("", "").ok());
  EXPECT_FALSE(read_task_options("something.Else", "").ok());
  EXPECT_FALSE(parse_task_options("Root \"/x\"").ok());
  EXPECT_FALSE(parse_task_options("Root = \"/x").ok());
  EXPECT_FALSE(parse_task_options("IoUid = none").ok());
}

TEST(StreamUri, IsAPathOrAScheme) {
  auto uri = parse_stream_uri("/run/fifo");
  EXPECT_EQ(uri->scheme, "fifo");
  EXPECT_EQ(uri->path, "/run/fifo");
  EXPECT_EQ(parse_stream_uri("")->path, "");
  EXPECT_EQ(parse_stream_uri("file:///var/log/a%20b")->path, "/var/log/a b");
  uri = parse_stream_uri("binary:///bin/logger?id=a%2fb&flag&id=c&x=1+2");
  EXPECT_EQ(uri->scheme, "binary");
  EXPECT_EQ(uri->path, "/bin/logger");
  EXPECT_THAT(uri->query,
              testing::ElementsAre(testing::Pair("id", "a/b"), testing::Pair("flag", ""), testing::Pair("x", "1 2")));
  EXPECT_FALSE(parse_stream_uri("file:///%4").ok());
  EXPECT_FALSE(parse_stream_uri("file:///%zz").ok());
}

TEST(MountOptions, AreFlagsPropagationAndData) {
  const MountArguments arguments = parse_mount_options({"rbind", "ro", "nosuid", "rprivate", "size=1m", "mode=755", "dev"});
  EXPECT_EQ(arguments.flags, static_cast<unsigned long>(MS_BIND | MS_REC | MS_RDONLY | MS_NOSUID));
  EXPECT_EQ(arguments.propagation, static_cast<unsigned long>(MS_PRIVATE | MS_REC));
  EXPECT_EQ(arguments.data, "size=1m,mode=755");
  EXPECT_EQ(parse_mount_options({"ro", "rw"}).flags, 0U);
}

TEST(MountOptions, LowerDirectoriesBecomeRelative) {
  const std::string data = "workdir=/w,lowerdir=/var/lib/s/snapshots/12/fs:/var/lib/s/snapshots/1/fs,upperdir=/u";
  const std::string directory = common_lower_directory(data);
  EXPECT_EQ(directory, "/var/lib/s/snapshots");
  EXPECT_EQ(with_relative_lower_directories(data, directory), "workdir=/w,lowerdir=12/fs:1/fs,upperdir=/u");
  EXPECT_EQ(common_lower_directory("lowerdir=/a/b"), "");
  EXPECT_EQ(common_lower_directory("lowerdir=/a/b:/c/d"), "");
}

}  // namespace
}  // namespace litebox::containerd
