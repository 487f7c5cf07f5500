// A container for call_fuzz: a real tree and world over guests that stand still (guest_process.h), and the checks of what comes
// out of a handler.
//
// What a handler does to processes it does to members, which are found by a tag that only these guests carry; what it does to
// files happens in a directory in memory, as an ordinary user. Nothing that it answers is carried out.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "oci/config.h"
#include "shim/kernel/world.h"
#include "shim/syscalls/call.h"
#include "shim/table/table.h"
#include "tests/fuzz/guest_process.h"
#include "tests/fuzz/input.h"

namespace litebox::fuzz {

// What is made anew for every input, and gone with it.
class CallWorld {
 public:
  static constexpr size_t kGuests = 2;  // the first is init

  struct Setting {
    bool privileged = true;  // with every capability
    uid_t user = 0;
    bool signal_scope = false;  // guests are left to send signals themselves: none is sent then
  };

  explicit CallWorld(const Setting& setting);
  ~CallWorld();
  CallWorld(const CallWorld&) = delete;
  CallWorld& operator=(const CallWorld&) = delete;

  // Makes the call if it is one that comes to the monitor. `luck` decides what calls in the guest's context would return.
  void call(size_t guest, const table::Entry& entry, const std::array<uint64_t, 6>& arguments, uint8_t luck);
  // Aborts if anything outside has changed.
  void check_outside() const;

  static pid_t pid_of(size_t guest);
  static const GuestImage& image();
  // The directory that all is in; a guest's path may name it, and finds nothing.
  static const std::string& directory();
  // Whether bytes hold what is only known outside: such an input would be mistaken for an escape.
  static bool holds_secret(std::string_view bytes);

 private:
  class Inside;
  void check(size_t guest, const table::Entry& entry, syscalls::Reply& reply, uint8_t luck);
  void check_in_guest(syscalls::Reply::InGuest& calls, uint8_t luck) const;

  oci::Config config_;
  kernel::World world_;
  std::shared_ptr<rootfs::Tree> tree_;
  std::unique_ptr<syscalls::Monitor> monitor_;
  size_t caller_ = 0;
  int next_slot_ = 0;
};

}  // namespace litebox::fuzz
