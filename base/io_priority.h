// I/O priorities as ioprio_set(2) takes them. The names are <linux/ioprio.h>'s, which is not C++ in every version of the
// kernel's headers: one has a parameter called `class`.
#pragma once

// Classes.
inline constexpr int IOPRIO_CLASS_NONE = 0;
inline constexpr int IOPRIO_CLASS_RT = 1;
inline constexpr int IOPRIO_CLASS_BE = 2;
inline constexpr int IOPRIO_CLASS_IDLE = 3;

// Whose: a thread, a process group or a user.
inline constexpr int IOPRIO_WHO_PROCESS = 1;
inline constexpr int IOPRIO_WHO_PGRP = 2;
inline constexpr int IOPRIO_WHO_USER = 3;

// The level of a thread that never set one, of 0 (first) to 7.
inline constexpr int IOPRIO_BE_NORM = 4;

inline constexpr int IOPRIO_CLASS_SHIFT = 13;

// The value that ioprio_set(2) takes and ioprio_get(2) returns.
constexpr int IOPRIO_PRIO_VALUE(int priority_class, int level) { return (priority_class << IOPRIO_CLASS_SHIFT) | level; }
constexpr int IOPRIO_PRIO_CLASS(int value) { return (value >> IOPRIO_CLASS_SHIFT) & 0x7; }
