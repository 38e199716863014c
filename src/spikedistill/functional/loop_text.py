"""The C++ around what `emit` writes: small functions, and the two shapes of a loop."""

PRELUDE = """\
#include <cmath>
#include <cstdint>
#include <cstring>

static inline float from16(uint16_t half) {
  uint32_t bits = (uint32_t)half << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
static inline uint16_t to16(float value) {  // of a value that is a bfloat16 already
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return (uint16_t)(bits >> 16);
}
static inline float round16(float value) {  // to the nearest bfloat16, ties to even
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  bits += 0x7fff + ((bits >> 16) & 1);
  bits &= 0xffff0000u;
  float rounded;
  std::memcpy(&rounded, &bits, 4);
  return value != value ? value : rounded;
}
static inline float exp_(float x) {  // 2^n p(r), with x = n ln 2 + r
  float y = x > 88.0f ? 88.0f : x < -87.0f ? -87.0f : x;
  float n = (y * 1.44269504f + 12582912.0f) - 12582912.0f;
  float r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t power = ((int32_t)n + 127) << 23;
  float scale;
  std::memcpy(&scale, &power, 4);
  return p * scale;
}
static inline float sigmoid_(float x) { return 1.0f / (1.0f + exp_(-x)); }
static inline double sigmoid_(double x) { return 1.0 / (1.0 + std::exp(-x)); }
static inline float tanh_(float x) { return 2.0f / (1.0f + exp_(-2.0f * x)) - 1.0f; }
static inline double tanh_(double x) { return std::tanh(x); }
"""

LOOP = """
extern "C" void kernel(const void* const* in, void* const* out, int64_t n) {
    /*before*/
  #pragma omp parallel for simd schedule(static) if (n > 4096)
  for (int64_t k = 0; k < n; ++k) {
    /*turn*/
  }
}
"""
# Sums are those of pieces of one size, in their order: the number of threads does not show.
SUMMING = """
#include <vector>
extern "C" void kernel(const void* const* in, void* const* out, int64_t n) {
    /*before*/
  const int64_t piece = 8192, chunks = (n + piece - 1) / piece;
  std::vector<double> part(chunks * COUNT);
  #pragma omp parallel for schedule(static) if (n > piece)
  for (int64_t c = 0; c < chunks; ++c) {
    /*zero*/
    const int64_t end = (c + 1) * piece < n ? (c + 1) * piece : n;
    #pragma omp simd reduction(+: SUMS)
    for (int64_t k = c * piece; k < end; ++k) {
    /*turn*/
    /*add*/
    }
    /*keep*/
  }
    /*total*/
    /*after*/
}
"""
