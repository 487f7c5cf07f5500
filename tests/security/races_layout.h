// What the program of the resolver's races and its driver agree on.
#pragma once

// The canary's content, of a length that no other file there has.
static const char kCanaryText[] = "the canary of the resolver's races\n";
enum { kCanarySize = sizeof kCanaryText - 1, kClimbs = 24 };
