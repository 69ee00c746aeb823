// Traversal of complete trees (layout: trees.c) by 16 rows to a vector register.
//
// A gather costs about one load a lane, so the kernels avoid it where they can: in the first levels few columns are
// possible, which are loaded whole and selected by mask; bounds, columns and leaves of up to 64 entries are looked up
// by permutations of registers instead of memory. What remains is one gather a level, of the rows' values.
//
// There is no AVX2 variant: on Zen 4 one took 722 ns a row where the scalar kernel takes 474 (100 trees of depth 6).
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

bool assay_trees_has_block_kernel(void) {
  static int known = -1;
  if (known < 0)
    known = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return known != 0;
}

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define INLINE __attribute__((always_inline)) static inline

/// Position of the next node: the second child unless `value <= threshold`.
AVX512 INLINE __m512i descend(__m512i i, __mmask16 second) {
  i = _mm512_add_epi32(i, i);
  return _mm512_mask_add_epi32(i, second, i, _mm512_set1_epi32(1));
}

/// Entries of 64 floats by the low six bits of `i`.
AVX512 INLINE __m512 lookup64(const float *table, __m512i i) {
  const __m512 low = _mm512_permutex2var_ps(_mm512_loadu_ps(table), i, _mm512_loadu_ps(table + 16));
  const __m512 high = _mm512_permutex2var_ps(_mm512_loadu_ps(table + 32), i, _mm512_loadu_ps(table + 48));
  return _mm512_mask_blend_ps(_mm512_test_epi32_mask(i, _mm512_set1_epi32(32)), low, high);
}

/// The level's threshold for each row; positions of level `level` are 2^level ..< 2^(level + 1).
AVX512 INLINE __m512 thresholds(const float *t, __m512i i, int level) {
  if (level <= 3) return _mm512_permutexvar_ps(i, _mm512_loadu_ps(t));
  if (level == 4) return _mm512_permutexvar_ps(i, _mm512_loadu_ps(t + 16));
  if (level == 5) return _mm512_permutex2var_ps(_mm512_loadu_ps(t + 32), i, _mm512_loadu_ps(t + 48));
  if (level == 6) return lookup64(t + 64, i);
  return _mm512_i32gather_ps(i, t, 4);
}

/// The level's column for each row. 16-bit permutations with every odd word cleared give 32-bit lanes.
AVX512 INLINE __m512i columns_of(const uint16_t *c, __m512i i, int level) {
  const __mmask32 even = 0x55555555;
  if (level <= 4) return _mm512_maskz_permutexvar_epi16(even, i, _mm512_loadu_si512(c));
  if (level == 5) return _mm512_maskz_permutexvar_epi16(even, i, _mm512_loadu_si512(c + 32));
  if (level == 6)
    return _mm512_maskz_permutex2var_epi16(even, _mm512_loadu_si512(c + 64), i, _mm512_loadu_si512(c + 96));
  return _mm512_and_si512(_mm512_i32gather_epi32(i, (const int *)c, 2), _mm512_set1_epi32(0xFFFF));
}

AVX512 INLINE __m512 leaves(const float *leaf, __m512i i, int depth) {
  i = _mm512_xor_si512(i, _mm512_set1_epi32(1 << depth));
  if (depth <= 4) return _mm512_permutexvar_ps(i, _mm512_loadu_ps(leaf));
  if (depth == 5) return _mm512_permutex2var_ps(_mm512_loadu_ps(leaf), i, _mm512_loadu_ps(leaf + 16));
  if (depth == 6) return lookup64(leaf, i);
  return _mm512_i32gather_ps(i, leaf, 4);
}

/// Values of 16 rows at a level of the top: the level's columns loaded whole, each kept for the rows that stand there.
AVX512 INLINE __m512 values_by_load(const float *x, const uint16_t *c, __m512i i, int level) {
  const int width = 1 << level;
  __m512 v = _mm512_loadu_ps(x + 16 * (size_t)c[width]);
  for (int n = 1; n < width; n++) {
    const __mmask16 here = _mm512_cmpeq_epi32_mask(i, _mm512_set1_epi32(width + n));
    v = _mm512_mask_loadu_ps(v, here, x + 16 * (size_t)c[width + n]);
  }
  return v;
}

AVX512 INLINE __m512 values_by_gather(const float *x, const uint16_t *c, __m512i i, int level) {
  const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i at = _mm512_add_epi32(_mm512_slli_epi32(columns_of(c, i, level), 4), lane);
  return _mm512_i32gather_ps(at, x, 4);
}

enum { LEVELS_BY_LOAD = 4 };

#define UNROLL _Pragma("clang loop unroll(full)")

/// `blocks` blocks through `trees` trees side by side, to fill the time that a gather takes: positions and sums stay in
/// registers. All three numbers are constants where this is inlined; returns the trees done.
AVX512 INLINE size_t run_avx512(const assay_tree_run *run, size_t first, const float *x, size_t block_stride,
                                float *sums, int depth, int blocks, int trees) {
  const size_t stride = run->stride;
  const float *t = run->threshold + first * stride, *leaf = run->leaf + first * stride;
  const uint16_t *c = run->column + first * stride;
  __m512 total[2];
  UNROLL for (int b = 0; b < blocks; b++) total[b] = _mm512_loadu_ps(sums + 16 * b);
  size_t tree = first;
  for (; tree + (size_t)trees <= run->tree_count; tree += (size_t)trees) {
    __m512i i[4];
    UNROLL for (int n = 0; n < blocks * trees; n++) i[n] = _mm512_set1_epi32(1);
    UNROLL for (int level = 0; level < depth; level++) {
      UNROLL for (int n = 0; n < blocks * trees; n++) {
        const float *block = x + (size_t)(n % blocks) * block_stride;
        const float *bounds = t + (size_t)(n / blocks) * stride;
        const uint16_t *columns = c + (size_t)(n / blocks) * stride;
        const __m512 v = level < LEVELS_BY_LOAD ? values_by_load(block, columns, i[n], level)
                                                : values_by_gather(block, columns, i[n], level);
        const __m512 bound = level == 0 ? _mm512_set1_ps(bounds[1]) : thresholds(bounds, i[n], level);
        i[n] = descend(i[n], _mm512_cmp_ps_mask(v, bound, _CMP_NLE_UQ));
      }
    }
    UNROLL for (int n = 0; n < blocks * trees; n++) {
      const __m512 value = leaves(leaf + (size_t)(n / blocks) * stride, i[n], depth);
      total[n % blocks] = _mm512_add_ps(total[n % blocks], value);
    }
    t += (size_t)trees * stride;
    c += (size_t)trees * stride;
    leaf += (size_t)trees * stride;
  }
  UNROLL for (int b = 0; b < blocks; b++) _mm512_storeu_ps(sums + 16 * b, total[b]);
  return tree;
}

// Four positions at a time: two trees for two blocks (155 ns a row, 100 trees of depth 6; one tree: 200), or four trees
// for the last block (174; one tree: 265).
#define RUN_OF_DEPTH(D)                                                                                 \
  AVX512 static void run_avx512_##D(const assay_tree_run *run, const float *x, size_t block_stride,    \
                                    size_t blocks, float *sums) {                                      \
    for (; blocks >= 2; blocks -= 2, x += 2 * block_stride, sums += 32) {                               \
      const size_t done = run_avx512(run, 0, x, block_stride, sums, D, 2, 2);                           \
      if (done < run->tree_count) run_avx512(run, done, x, block_stride, sums, D, 2, 1);                \
    }                                                                                                   \
    if (blocks > 0) {                                                                                   \
      const size_t done = run_avx512(run, 0, x, block_stride, sums, D, 1, 4);                           \
      if (done < run->tree_count) run_avx512(run, done, x, block_stride, sums, D, 1, 1);                \
    }                                                                                                   \
  }
RUN_OF_DEPTH(0)
RUN_OF_DEPTH(1)
RUN_OF_DEPTH(2)
RUN_OF_DEPTH(3)
RUN_OF_DEPTH(4)
RUN_OF_DEPTH(5)
RUN_OF_DEPTH(6)
RUN_OF_DEPTH(7)
RUN_OF_DEPTH(8)
RUN_OF_DEPTH(9)
RUN_OF_DEPTH(10)

typedef void run_function(const assay_tree_run *, const float *, size_t, size_t, float *);
static run_function *const runs_avx512[] = {run_avx512_0, run_avx512_1, run_avx512_2, run_avx512_3,
                                            run_avx512_4, run_avx512_5, run_avx512_6, run_avx512_7,
                                            run_avx512_8, run_avx512_9, run_avx512_10};

void assay_trees_block(const assay_tree_run *run, const float *columns, size_t block_stride, size_t block_count,
                       float *sums) {
  runs_avx512[run->depth](run, columns, block_stride, block_count, sums);
}

#endif
