// The loopback of a container's own: its addresses outside, and the ports that stand for those inside.
#include "shim/kernel/loopback.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <set>
#include <string>

namespace litebox::kernel {
namespace {

Endpoint ipv4(uint32_t address, uint16_t port) { return {mapped_address(address), port}; }

int bind_all_addresses(uint16_t port) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  EXPECT_EQ(setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  const std::string address = socket_address_of(AF_INET, ipv4(INADDR_ANY, port));
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(address.data()), address.size()) == 0 ? 0 : errno;
}

TEST(InternetEndpoint, IsTheSameThroughSocketAddressesAndListings) {
  const Endpoint four = ipv4(INADDR_LOOPBACK, 8080);
  const Endpoint six = {in6addr_loopback, 443};
  EXPECT_TRUE(endpoint_in(socket_address_of(AF_INET, four)) == four);
  EXPECT_TRUE(endpoint_in(socket_address_of(AF_INET6, four)) == four);
  EXPECT_TRUE(endpoint_in(socket_address_of(AF_INET6, six)) == six);
  EXPECT_EQ(listing_of(AF_INET, four), "0100007F:1F90");
  EXPECT_EQ(listing_of(AF_INET6, six), "00000000000000000000000001000000:01BB");
  EXPECT_TRUE(listed_endpoint("0100007F:1F90") == four);
  EXPECT_TRUE(listed_endpoint("00000000000000000000000001000000:01BB") == six);
}

TEST(InternetEndpoint, RefusesWhatIsNone) {
  const std::string whole = socket_address_of(AF_INET, ipv4(INADDR_LOOPBACK, 1));
  EXPECT_FALSE(endpoint_in(std::string_view(whole).substr(0, 8)).has_value());
  EXPECT_FALSE(endpoint_in(std::string_view()).has_value());
  EXPECT_FALSE(endpoint_in(std::string(sizeof(sockaddr_in6), '\0')).has_value());
  for (const char* text : {"", ":", "0100007F", "0100007F:", "0100007F:12345", "0100007X:1F90", "01:1F90"}) {
    EXPECT_FALSE(listed_endpoint(text).has_value()) << text;
  }
}

TEST(Loopback, TwoHaveDifferentAddresses) {
  const auto one = Loopback::claim();
  const auto other = Loopback::claim();
  ASSERT_TRUE(one.ok());
  ASSERT_TRUE(other.ok());
  for (const auto* each : {&one, &other}) {
    auto socket = (**each)->make_socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_TRUE(socket.ok());
    EXPECT_TRUE((**each)->bind(socket->get(), ipv4(INADDR_ANY, 8080), false).ok());
    EXPECT_EQ(listen(socket->get(), 1), 0);
  }
}

TEST(Loopback, BindsToNothingOutside) {
  const auto loopback = Loopback::claim();
  ASSERT_TRUE(loopback.ok());
  const auto socket = (*loopback)->make_socket(AF_INET6, SOCK_DGRAM, 0);
  ASSERT_TRUE(socket.ok());
  EXPECT_EQ((*loopback)->bind(socket->get(), ipv4(0x08080808, 53), true).error().number(), EADDRNOTAVAIL);
  EXPECT_EQ((*loopback)->destination(socket->get(), ipv4(0x08080808, 53)).error().number(), ENETUNREACH);
  EXPECT_EQ((*loopback)->bind(socket->get(), ipv4(INADDR_LOOPBACK, 53), false).error().number(), EACCES);
  // A socket from outside gets no address here.
  const Fd foreign(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_FALSE((*loopback)->bind(foreign.get(), ipv4(INADDR_LOOPBACK, 8080), true).ok());
  EXPECT_FALSE((*loopback)->bind_to_any_port(foreign.get()).ok());
  EXPECT_FALSE((*loopback)->destination(foreign.get(), ipv4(INADDR_LOOPBACK, 8080)).ok());
}

TEST(Loopback, HasNoRawSockets) {
  const auto loopback = Loopback::claim();
  ASSERT_TRUE(loopback.ok());
  EXPECT_EQ((*loopback)->make_socket(AF_INET, SOCK_RAW, IPPROTO_UDP).error().number(), EPERM);
  EXPECT_EQ((*loopback)->make_socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP).error().number(), EPROTONOSUPPORT);
}

TEST(LoopbackPorts, KeepTheHostFromTheirs) {
  LoopbackPorts ports(IPPROTO_TCP, 0x7f10fefe, [](uint16_t) { return true; });
  const auto outside = ports.reserve(80);
  ASSERT_TRUE(outside.ok());
  EXPECT_EQ(*ports.reserve(80), *outside);
  EXPECT_EQ(ports.find(80), *outside);
  EXPECT_EQ(ports.inside(*outside), 80);
  EXPECT_EQ(bind_all_addresses(*outside), EADDRINUSE);
  EXPECT_FALSE(ports.find(81).has_value());
}

TEST(LoopbackPorts, AreAsManyAsTheMonitorCanHold) {
  bool used = false;
  LoopbackPorts ports(IPPROTO_UDP, 0x7f10fefd, [&used](uint16_t) { return used; });
  std::set<uint16_t> outside;
  uint16_t inside = 1;
  for (; ports.size() < 1024 && inside < 2000; ++inside) outside.insert(*ports.reserve(inside));
  EXPECT_EQ(outside.size(), 1024U);
  used = true;
  EXPECT_EQ(ports.reserve(inside).error().number(), EADDRINUSE);
  used = false;
  EXPECT_TRUE(ports.reserve(inside).ok());
  EXPECT_EQ(ports.size(), 1024U);
}

}  // namespace
}  // namespace litebox::kernel
