package rules

// Oldest is the time of what has none of its own, in seconds since 1970:
// 1980-01-01, the first day that FAT and zip can write. Tools that date what
// they make after its newest package start from it.
const Oldest = 315532800
