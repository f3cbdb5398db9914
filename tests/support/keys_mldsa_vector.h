/*
 * id-MLDSA44-Ed25519-SHA512 of draft-ietf-lamps-pq-composite-sigs, testvectors.json
 * (lamps-wg/draft-composite-sigs, October 2025): "sk", and "s" over KEYS_MLDSA_MESSAGE with an
 * empty context.
 */
#ifndef KEYS_MLDSA_VECTOR_H
#define KEYS_MLDSA_VECTOR_H

#define KEYS_MLDSA_MESSAGE "The quick brown fox jumps over the lazy dog."

/* Both seeds, ML-DSA's first; base64. */
#define KEYS_MLDSA_SEEDS                                                                           \
	"DkpCeq5AeIHd0JHrQMBUalGyTsQ1G1MOKnId6tVyIj/gUAcHqMnRHba8NhzRWlW3CauNKpbJdseKAR3k2aqSQQ=="

static const char keys_mldsa_signature[] =
    "DwPBHO2dkE7E46qcxlw7/Jdui+xyxnNvj308ZGM6s/6CZPiW676vYwLq5F2we4EGtbN1s5Og6TrmC1ndinpAzgAz"
    "Xp8RwK8lUO6cMH7zNzy802CtNBUAJ1bDK3wizUtQNKwFweHZu8JjKYquxb5GNzJkhM8Kx1nGu4IJ7W9tmRM2Sw7v"
    "ZQKutl97S20xlkKhlDzuopixB2zEy1tEJtdzYcw/vMpm3yDnIadPjrzVUUUAGwGPtI0M8AOBOb9wI3qBdu9AteET"
    "h9EHmpDW9pW3yTtHQ9V3KuzSKUdjq+CkGW1M3butWXVxHkAEkplxFBBL62N4AKr14Zj0AQbOp4xeCJeTrli4+IWF"
    "cZtNi07cj5v0OjcFrhtRR5n38ogK+c5X4FOG9fUcapqaoA7Sx0hkn8t0+SOf7+y6rO1CvIsVXhn+ojRnzsYl/tk5"
    "e3/gb+562iFvMVlmdUZ0e/qaKoUbKD/iA0UlzT2nyj6Zuqqqh2Wczf7DNZv4iCjlv5RCpFw5C/gjckxPDeLqDsaL"
    "RvpB2qsY72jP248SHZKPqhg6hxb6UZY0KIdyQU8XIYoT/hxBSBunJJWzlTTaDzdorqe0tNKXQtEdLusjMOuk726k"
    "JdR0di7ox0+u2ZTV7yOEZdpmpFBnbrhtCp/PEKcGZs4uNGIjnfweGuDToompwEU2VZGz92r4XCKHWcq8MBDO8lky"
    "k1HRa9vTRlmfC+h2sZ0bnC3hseX5EpL+tBXP06MFuRZ3tBmq799L5RUopEd8bzlntgIOjQAbqTGuxSUyghFcAAv7"
    "ef+79pe50+g6b0zRIW/9r+E2876PWwJ6+ekNzoP4sL2UOhpeFWO77aSbP51eQUYpX0sRixclXALssUxPGdHKKw0x"
    "AxbYYnWTURu9WyH7JOR4TA0boMRwwyS1Emj3J9oTymQ0hWkvCOG+mxwk3LLx0iNo22IQjYdVaE5DK9Cf+DvWtV+2"
    "i2SdIKGAvu6lOJTEclh8w1+wfcyahsFLa+ImPmCrMPM83JKiYgp4CLyNWwLQU/mhKkMuDVxVy04zeBJ28hjngRGu"
    "VLLU8aBjBBVbyEqF1DDMenmesBdRx2YqgxwuDKq0EEhJogFMR5WuM3KlDoT4kNCIMDSFOOsRCaafGzTldXFRAr+t"
    "qnNFW63OkRpo4/qEo8mCc7XutUvGCFbaHREwp66k0S6Px99nfa8YGcPWWwmNHX2gsbwDXw435AsSwD6a1G0lEtvi"
    "EPY1dGrvyVrz7J1ABqt2w/eQuTAJ27gVQk8oHRnw6QNcATpuxq68MVIpoL7KwB3d3Ee7UG7z8DDzyVFXQMAfKLDI"
    "ExGle+H+WYyovlCk1+ovnWpan44yUbk0Ku1zls84bvlOxrUWiOjlRJCD5Dr89c42iJ/jSHmATJvwR5QSojeXSuXf"
    "FdP8CZrSzJHIP7dEcJCoQ6yi+ujKHGGt5yeLa6kbOx9CWXKXx01w800rOOCsg9JpbUQZ6bYOU9eRIqQv22/EbOWK"
    "j+1GgomBomMwh5eBN3jleIO/Qaq7lhYlXlASkc5mNmXTG2iiyqIkAc4L5OuV8GDVu6cXd4LgZo9Nphx3Z++uBMTy"
    "vuIpoZVMlS9AhQs3fTzd8sTgM+mnLdpg+rHOv15Nawf8vctpTTh5mLp8audlIN/UBkQvWYgCFj/4cNNmBShc4XfM"
    "+wDbHBuU8Md7qp/CPlRdzC7JpJg6NZ4mS0cUiVDCWVBfqSsgtck6szYeYI+KVp68xDWtXuDSrVpxZNRbXQ+jSbgi"
    "v3aPnM/afpzA1fGVlt3DQuBNP1QBqPAZ9FTvkit7FuPVKsJFsCOF6rSiyDQ218rvjI+K3rXvrT/5vxnHSbVljZgu"
    "e4yzi/MO3SCNANbCGaPnn2ZeR/C7n8Q2yY/LHvsmELyJLU1xweWodAaaGOmSiTB+VzbI1noH9XL99mQtspN6nt94"
    "e1tu8fjnmjlnzeG6BQqk+KuBRBQU71bhSoX6r6FVEf5Seksi9QCuoPIcTSW6rIF6JhqJbzSezhqnSNZrkMXqLrom"
    "/JfYqcpie3GcJLZCktAAatHr65eQoC/Pk/rB50taiz7oPfAxugAu62Nb+BFfowyRTgLuP/SiLa5SX+9zO/ikLmtE"
    "+cSif2WOz3X9Lh0+CNVHd1oVrSdoHYmZqcQN+poC3zo6R6IN2wJVvIUxQBAQcqtd2GWq0CIeXU2J4FCm+Ws2zTnm"
    "TqjQSpzIWpx9Ay2DNYnBPoi16w30/BYQQLLZU36hhKl8PiQf41KB7V0LZI6QpqoFPRONya4UtcqUm0Bo1RLiMM2z"
    "JUDwyiZ/Nql66mgqmaBqD6kUAghS7hyTRx+sajRBSFYHTMydPbwNpwww5mG9mBHJJfgzP/FHFJUFclg3qwxJvlKO"
    "ycg4GUjXkzJv4K8vR5/OBomZGJFeSoEJX56shMSAggk33zxGJwGaYA4t4aXMjeWY7XKRUnhHQxc5ljZFPc0RPaxj"
    "VsOaL/4y0rImbYebrBXQq5P+fsmPnK3/iaNEbO4KUBzAvnJ7IVFCh8MsqHSkFBL0rjFRoETUyGwgyThaEZxNd5fb"
    "XpXuMbXWr+lxFdaFBAA7nc3kurCYTRFTXQP+B+VSD2905GkwUIRBFC3LnseY/oJk/6q1gaHGwGwycYsWv/yOuLG5"
    "qRnAPdn92qiUZotkjnIxxZX3P5bA4hEjE4aTyWbPRWpFU4h9DugnMif9kBcjz/qmSaBduiATahQEinJBP6QXoywW"
    "7c6nQ67sWxY45Zn+n0EUELUwtWEhjXf9D5y8zzVjVIL4hPExnqJUntyQOPsNEE1X8lglACsbAFnV34cHowXPfBgk"
    "8JA6xQLz0fZ2CrRG2eP0i1TwTAmFu+g8Ue+3wOCeB6RJ/Bj5YmujSt7fMG1JqZ/nHPdRyodWK+dfbonTEvCHNfrt"
    "VZxDEEh1Za/rGNwzTHI+mQy1neLKwYqD+799szjUiGLO4HVRdhVFGyDmc7x3pVvrjw9zKMgIicddcEqM4N6j4Pxg"
    "QVd20BjtZ8JYdqS2EDxIJNn/PNiiqRGo/tN0UP87AGm6mQ5kG7+2WV9kd6fYFXFgHHCzv/wAY3a1zX+eI4PeRoFS"
    "D/cho0+s1Wi3SYMxJ3UuHU0ET+bcAm4kVRQHDBowMkROV3N0eXyBnay0xs3Q3PT1+gEPJXZ8hIu5vcnb4hwkKDc6"
    "Umh3gYmQlKPS4+7v8gIVOUNPVFl5h5Geutr+AAAAAAAAAAAAAAAAABcjNUN9MWvNlQUBYHF2z9KsFOOF9irYPKaV"
    "9tQRNhMnSde8zP+r7vW9GMlbzaU7Fj3hxyiSm2Y37zB9VTREe7S0MZEA";

#endif
