#include "rootfs/proc/net.h"

#include <fcntl.h>

#include <string_view>
#include <unordered_set>

#include "rootfs/pass_through.h"
#include "rootfs/proc/text.h"

namespace litebox::rootfs::proc {
namespace {

// Tables of which only the first lines, the headings, are left without a network, and what a loopback of the container's own
// adds. Where there are none, the file is empty.
struct Table {
  const char* name;
  int heading_lines;
};

constexpr Table kTables[] = {
    {"arp", 1},        {"dev", 2},      {"dev_mcast", 0}, {"if_inet6", 0}, {"igmp", 1},     {"igmp6", 0},
    {"ipv6_route", 0}, {"netlink", 1},  {"packet", 1},    {"ptype", 1},    {"raw", 1},      {"raw6", 1},
    {"route", 1},      {"rt_cache", 1}, {"tcp", 1},       {"tcp6", 1},     {"udp", 1},      {"udp6", 1},
    {"udplite", 1},    {"udplite6", 1}, {"wireless", 2},  {"anycast6", 0}, {"mcfilter", 0}, {"mcfilter6", 0},
};

// Counters, which are all zero without a network.
constexpr const char* kCounters[] = {"netstat", "snmp", "snmp6", "sockstat", "sockstat6"};

std::string first_lines(std::string_view text, int count) {
  size_t end = 0;
  for (; count > 0 && end < text.size(); --count) {
    const size_t newline = text.find('\n', end);
    end = newline == std::string_view::npos ? text.size() : newline + 1;
  }
  return std::string(text.substr(0, end));
}

std::string with_zero_counters(std::string_view text) {
  std::string zero;
  for_each_line(text, [&zero](std::string_view line) {
    while (!line.empty()) {
      const std::string_view before = line;
      const std::string_view word = take_word(line);
      zero += before.substr(0, before.size() - line.size() - word.size());
      zero += parse_number<int64_t>(word) ? "0" : word;
    }
    zero += '\n';
  });
  return zero;
}

// The inode numbers of the sockets that members hold, as readlink shows them: "socket:[1234]".
std::unordered_set<std::string> sockets_of_members(const ContainerView& view) {
  constexpr std::string_view kSocket = "socket:[";
  std::unordered_set<std::string> inodes;
  for (const HostPid member : view.members()) {
    const auto process = HostProcess::open(view, member);
    if (!process) continue;
    const auto descriptors = (*process)->list("fd");
    if (!descriptors) continue;
    for (const std::string& descriptor : *descriptors) {
      const auto link = (*process)->read_link("fd/" + descriptor);
      if (!link || std::string_view(*link).substr(0, kSocket.size()) != kSocket) continue;
      inodes.insert(link->substr(kSocket.size(), link->size() - kSocket.size() - 1));
    }
  }
  return inodes;
}

// net/unix/af_unix.c, unix_seq_show: "Num RefCount Protocol Flags Type St Inode Path".
std::string filter_unix_sockets(const ContainerView& view, std::string_view host) {
  const auto own = sockets_of_members(view);
  std::string text = first_lines(host, 1);
  host.remove_prefix(text.size());
  for_each_line(host, [&](std::string_view line) {
    std::string_view rest = line;
    std::string_view inode;
    for (int column = 0; column < 7; ++column) inode = take_word(rest);
    if (own.count(std::string(inode)) == 0) return;
    text += line.substr(0, line.size() - rest.size());
    const std::string address = rest.empty() ? std::string() : view.unix_address(rest.substr(1));
    if (!address.empty()) text += ' ' + address;
    text += '\n';
  });
  return text;
}

void add_unix(SyntheticDirectory& directory, const ProcessContext& context) {
  directory.add_file("unix", 0444, [context](const Subject& /*subject*/) -> Result<std::string> {
    LITEBOX_ASSIGN(const std::string host, context.host->read("net/unix"));
    return filter_unix_sockets(*context.view, host);
  });
}

// net/ipv4/tcp_ipv4.c, tcp4_seq_show, and its like: "sl local_address rem_address st ...".
std::string filter_internet_sockets(const ContainerView& view, std::string_view table, std::string_view host) {
  std::string text = first_lines(host, 1);
  host.remove_prefix(text.size());
  for_each_line(host, [&](std::string_view line) {
    std::string_view rest = line;
    (void)take_word(rest);
    const size_t heading = line.size() - rest.size();
    const std::string_view local = take_word(rest);
    const std::string_view remote = take_word(rest);
    const auto ends = view.socket_ends(table, local, remote);
    if (ends) text += std::string(line.substr(0, heading)) + ' ' + *ends + std::string(rest) + '\n';
  });
  return text;
}

// What a loopback that has carried nothing adds to a table.
std::string loopback_row(std::string_view table) {
  if (table == "dev") {
    return "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0    "
           "      0\n";
  }
  return table == "if_inet6" ? "00000000000000000000000000000001 01 80 10 80       lo\n" : "";
}

bool lists_internet_sockets(std::string_view table) {
  return table == "tcp" || table == "tcp6" || table == "udp" || table == "udp6";
}

NodePtr make_empty_net(const ProcessContext& context, SyntheticAttributes attributes) {
  auto directory = std::make_shared<SyntheticDirectory>(std::move(attributes));
  for (const Table& table : kTables) {
    const std::string name = std::string("net/") + table.name;
    if (!context.host->exists(name).ok()) continue;
    directory->add_file(table.name, 0444, [context, name, table](const Subject& /*subject*/) -> Result<std::string> {
      LITEBOX_ASSIGN(const std::string host, context.host->read(name));
      if (!context.view->has_loopback()) return first_lines(host, table.heading_lines);
      if (lists_internet_sockets(table.name)) {
        return filter_internet_sockets(*context.view, table.name, host);
      }
      return first_lines(host, table.heading_lines) + loopback_row(table.name);
    });
  }
  for (const char* counters : kCounters) {
    const std::string name = std::string("net/") + counters;
    if (!context.host->exists(name).ok()) continue;
    directory->add_file(counters, 0444, [context, name](const Subject& /*subject*/) -> Result<std::string> {
      LITEBOX_ASSIGN(const std::string host, context.host->read(name));
      return with_zero_counters(host);
    });
  }
  for (const char* constant : {"protocols", "psched"}) {
    const std::string name = std::string("net/") + constant;
    directory->add_file(constant, 0444, [context, name](const Subject& /*subject*/) { return context.host->read(name); });
  }
  add_unix(*directory, context);
  return directory;
}

}  // namespace

NodePtr make_net_directory(const ProcessContext& context, SyntheticAttributes attributes) {
  if (!context.view->has_network()) return make_empty_net(context, std::move(attributes));
  auto host = context.host->open_file("net", O_PATH | O_DIRECTORY);
  auto source = std::make_shared<const HostSource>(host ? *std::move(host) : Fd(), [](const std::string&) { return true; });
  auto directory = std::make_shared<PassThroughDirectory>(std::move(attributes), std::move(source), "");
  add_unix(*directory, context);
  return directory;
}

}  // namespace litebox::rootfs::proc
