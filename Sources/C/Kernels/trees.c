// Traversal of decision trees. Every kernel adds the leaves of a row in tree order, one float32 addition a tree, so
// that all of them give the same bits, and the bits of XGBoost's CPU predictor.
//
// A complete tree is a heap: position 1 is the root, the children of i are 2i and 2i + 1; after `depth` steps
// i - 2^depth numbers the leaf. The second child is taken unless `value <= threshold`: also when the value is NaN.
// The caller writes every feature twice, as x and as -x, and chooses between the two columns (and the order of the
// children) so that the second child is the one that a missing value goes to: see TreeLayout.swift. Missing values
// therefore cost nothing here.
#include "kernels.h"

#define STEP(T) i##T = 2 * i##T + !(columns[c[i##T + T * stride]] <= t[i##T + T * stride])
#define LEAF(T) total += leaf[i##T + T * stride]

// Eight trees at once: each step waits for two dependent loads, which the other seven fill. With `depth` a constant the
// eight trees are displacements from one base, and the positions stay in registers.
__attribute__((always_inline)) static inline float row_of_depth(const assay_tree_run *run, const float *columns,
                                                                float total, const uint32_t depth) {
  const size_t stride = depth < 5 ? 32 : (size_t)1 << depth;
  const float *t = run->threshold, *leaf = run->leaf - ((size_t)1 << depth);
  const uint16_t *c = run->column;
  size_t left = run->tree_count;
  for (; left >= 8; left -= 8, t += 8 * stride, c += 8 * stride, leaf += 8 * stride) {
    size_t i0 = 1, i1 = 1, i2 = 1, i3 = 1, i4 = 1, i5 = 1, i6 = 1, i7 = 1;
    for (uint32_t level = 0; level < depth; level++) {
      STEP(0);
      STEP(1);
      STEP(2);
      STEP(3);
      STEP(4);
      STEP(5);
      STEP(6);
      STEP(7);
    }
    LEAF(0);
    LEAF(1);
    LEAF(2);
    LEAF(3);
    LEAF(4);
    LEAF(5);
    LEAF(6);
    LEAF(7);
  }
  for (; left > 0; left--, t += stride, c += stride, leaf += stride) {
    size_t i0 = 1;
    for (uint32_t level = 0; level < depth; level++) STEP(0);
    LEAF(0);
  }
  return total;
}

void assay_trees_row(const assay_tree_run *run, const float *columns, float *sum) {
  switch (run->depth) {
#define CASE(D) \
  case D: *sum = row_of_depth(run, columns, *sum, D); break;
    CASE(0)
    CASE(1)
    CASE(2)
    CASE(3)
    CASE(4)
    CASE(5)
    CASE(6)
    CASE(7)
    CASE(8)
    CASE(9)
    CASE(10)
    default: __builtin_trap();
  }
}

static inline uint32_t walk_step(const assay_walk_node *nodes, uint32_t i, const float *row, size_t column_stride) {
  const assay_walk_node node = nodes[i];
  return node.child + (node.is_split & !(row[(size_t)node.column * column_stride] <= node.threshold));
}

// Four trees at once, until all four stand at a leaf. Rows inside trees: a deep tree stays in the cache.
void assay_trees_walk(const assay_walk_node *nodes, const uint32_t *roots, size_t tree_count, const float *columns,
                      size_t row_stride, size_t column_stride, size_t row_count, float *sums) {
  size_t tree = 0;
  for (; tree + 4 <= tree_count; tree += 4) {
    for (size_t r = 0; r < row_count; r++) {
      const float *row = columns + r * row_stride;
      uint32_t a = roots[tree], b = roots[tree + 1], c = roots[tree + 2], d = roots[tree + 3], moved;
      do {
        const uint32_t a2 = walk_step(nodes, a, row, column_stride), b2 = walk_step(nodes, b, row, column_stride);
        const uint32_t c2 = walk_step(nodes, c, row, column_stride), d2 = walk_step(nodes, d, row, column_stride);
        moved = (a ^ a2) | (b ^ b2) | (c ^ c2) | (d ^ d2);
        a = a2, b = b2, c = c2, d = d2;
      } while (moved);
      float total = sums[r];
      total += nodes[a].threshold;
      total += nodes[b].threshold;
      total += nodes[c].threshold;
      total += nodes[d].threshold;
      sums[r] = total;
    }
  }
  for (; tree < tree_count; tree++) {
    for (size_t r = 0; r < row_count; r++) {
      uint32_t at = roots[tree], next;
      while ((next = walk_step(nodes, at, columns + r * row_stride, column_stride)) != at) at = next;
      sums[r] += nodes[at].threshold;
    }
  }
}

#if !defined(__x86_64__)

bool assay_trees_has_block_kernel(void) { return false; }

void assay_trees_block(const assay_tree_run *run, const float *columns, size_t block_stride, size_t block_count,
                       float *sums) {
  (void)run, (void)columns, (void)block_stride, (void)block_count, (void)sums;
  __builtin_trap();
}

#endif
