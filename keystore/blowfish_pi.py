#!/usr/bin/env python3
"""Writes keystore/blowfish_pi.h: the first 1,042 32-bit words of pi's fraction.

Blowfish takes its 18 subkeys and its four S-boxes of 256 words from them, in
this order.  Computed here from nothing: Machin's formula in whole numbers.
    python3 keystore/blowfish_pi.py > keystore/blowfish_pi.h
tests/unit/t_kdf.c computes the same words another way and compares.
"""

WORDS = 18 + 4 * 256
GUARD_BITS = 64
ONE = 1 << (32 * WORDS + GUARD_BITS)


def arctan_of_inverse(n):
    power, total, k = ONE // n, 0, 0
    while power:
        total += (-power if k & 1 else power) // (2 * k + 1)
        power //= n * n
        k += 1
    return total


pi = 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))
fraction = (pi % ONE) >> GUARD_BITS
words = [f"0x{fraction >> 32 * (WORDS - 1 - i) & 0xffffffff:08x}" for i in range(WORDS)]

print("/* Written by keystore/blowfish_pi.py: pi's fraction, in words, for keystore/blowfish.c. */")
for i in range(0, WORDS, 8):
    print(", ".join(words[i : i + 8]) + ",")
