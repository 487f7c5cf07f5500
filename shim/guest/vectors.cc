#include "shim/guest/vectors.h"

#include <asm/errno.h>
#include <elf.h>

namespace litebox::guest {
namespace {

constexpr uint64_t kMaximumPrefix = 32;     // the kernel follows five levels of scripts
constexpr uint64_t kRandomBytes = 16;       // AT_RANDOM
constexpr uint64_t kPlatformCapacity = 32;  // "x86_64"

const char* string_at(uint64_t address) { return reinterpret_cast<const char*>(address); }

uint64_t end_of_string(uint64_t address) { return address + string_size(string_at(address)); }

}  // namespace

Vectors::Vectors(uint64_t* stack) : stack_(stack), argument_count_(stack[0]) {
  const uint64_t* const arguments = stack + 1;
  uint64_t* const environment = stack + 1 + argument_count_ + 1;
  while (environment[environment_count_] != 0) ++environment_count_;
  auxiliary_ = reinterpret_cast<AuxiliaryEntry*>(environment + environment_count_ + 1);
  while (auxiliary_[auxiliary_count_++].type != AT_NULL) {
  }
  const uint64_t file_name = get(AT_EXECFN);  // the kernel's highest string
  stack_top_ = page_ceiling(end_of_string(file_name) + sizeof(uint64_t));
  arguments_start_ = argument_count_ > 0 ? arguments[0] : environment_count_ > 0 ? environment[0] : file_name;
  arguments_end_ = argument_count_ > 0 ? end_of_string(arguments[argument_count_ - 1]) : arguments_start_;
  environment_end_ = environment_count_ > 0 ? end_of_string(environment[environment_count_ - 1]) : arguments_end_;
}

uint64_t Vectors::get(uint64_t type) const {
  for (uint64_t i = 0; i < auxiliary_count_; ++i) {
    if (auxiliary_[i].type == type) return auxiliary_[i].value;
  }
  return 0;
}

void Vectors::set(uint64_t type, uint64_t value) {
  for (uint64_t i = 0; i < auxiliary_count_; ++i) {
    if (auxiliary_[i].type == type) auxiliary_[i].value = value;
  }
}

long Vectors::adopt(const abi::Launch& launch) {
  const char* const file_name = reinterpret_cast<const char*>(&launch + 1);
  if (launch.strings_size == 0 || launch.strings_size > abi::kLaunchCapacity - sizeof(launch) ||
      file_name[launch.strings_size - 1] != '\0' || launch.prefix_count > kMaximumPrefix) {
    return -EPROTO;
  }
  const uint64_t file_name_size = string_size(file_name);
  const char* const prefix = file_name + file_name_size;
  const uint64_t prefix_size = launch.strings_size - file_name_size;

  // What may lie in the way of the new strings is kept aside.
  uint8_t random[kRandomBytes];
  copy_up(random, string_at(get(AT_RANDOM)), sizeof(random));
  char platform[kPlatformCapacity];
  const uint64_t platform_size = string_size(string_at(get(AT_PLATFORM)));
  if (platform_size > sizeof(platform)) return -EPROTO;
  copy_up(platform, string_at(get(AT_PLATFORM)), platform_size);

  uint64_t* const old_tail = stack_ + 1 + (launch.prefix_count > 0 && argument_count_ > 0 ? 1 : 0);
  const uint64_t tail_size = address_of(auxiliary_ + auxiliary_count_) - address_of(old_tail);
  const uint64_t old_end = address_of(auxiliary_ + auxiliary_count_);
  if (launch.prefix_count > 0) {
    if (argument_count_ > 0) arguments_start_ = end_of_string(stack_[1]);
    arguments_start_ -= prefix_size;
    argument_count_ = argument_count_ - (argument_count_ > 0 ? 1 : 0) + launch.prefix_count;
  }
  const uint64_t ceiling = old_end < arguments_start_ ? old_end : arguments_start_;
  const uint64_t new_file_name = ceiling - file_name_size;
  const uint64_t new_platform = new_file_name - platform_size;
  const uint64_t new_random = (new_platform - kRandomBytes) & ~15ULL;
  const uint64_t vectors_size = (1 + launch.prefix_count) * sizeof(uint64_t) + tail_size;

  stack_ = reinterpret_cast<uint64_t*>((new_random - vectors_size) & ~15ULL);
  uint64_t* const new_tail = stack_ + 1 + launch.prefix_count;
  copy_up(new_tail, old_tail, tail_size);
  auxiliary_ = reinterpret_cast<AuxiliaryEntry*>(address_of(new_tail) + tail_size) - auxiliary_count_;
  stack_[0] = argument_count_;

  if (launch.prefix_count > 0) {
    copy_up(reinterpret_cast<void*>(arguments_start_), prefix, prefix_size);
    uint64_t string = arguments_start_;
    for (uint64_t i = 0; i < launch.prefix_count; ++i) {
      stack_[1 + i] = string;
      string = end_of_string(string);
    }
  }
  copy_up(reinterpret_cast<void*>(new_file_name), file_name, file_name_size);
  copy_up(reinterpret_cast<void*>(new_platform), platform, platform_size);
  copy_up(reinterpret_cast<void*>(new_random), random, sizeof(random));
  set(AT_EXECFN, new_file_name);
  set(AT_PLATFORM, new_platform);
  set(AT_RANDOM, new_random);
  return 0;
}

}  // namespace litebox::guest
