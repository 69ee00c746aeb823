#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli polynomial, RFC 3720 appendix B.4) of `length` bytes, continuing from `crc` (0 to begin).
/// Uses SSE4.2 where the processor has it; a table elsewhere.
uint32_t assay_crc32c(uint32_t crc, const void *bytes, size_t length);

/// A run of consecutive complete trees of one depth, in summation order; see trees.c for the layout.
typedef struct assay_tree_run {
  const float *threshold;   ///< `tree_count * stride` split bounds, by heap position (1 is the root).
  const uint16_t *column;   ///< `tree_count * stride` columns, by heap position.
  const float *leaf;        ///< `tree_count * stride` leaf values, left to right.
  size_t tree_count;
  uint32_t depth;           ///< 0 to 10 decisions from the root to every leaf.
  uint32_t stride;          ///< Entries from one tree to the next: max(2^depth, 32).
} assay_tree_run;

/// A node of a tree that is walked. A leaf leads to itself, so that trees of unequal depth can be walked side by side.
typedef struct assay_walk_node {
  float threshold;          ///< Split bound, or the leaf's value.
  uint32_t child;           ///< Position of the first child (the second follows), or the node's own position.
  uint16_t column;
  uint16_t is_split;        ///< 1 for a split, 0 for a leaf.
} assay_walk_node;

/// Whether this processor has what `assay_trees_block` needs (AVX-512 F, BW, DQ, VL).
bool assay_trees_has_block_kernel(void);

/// Adds the leaves of a run to `*sum`, tree by tree, for one row, given as its columns.
void assay_trees_row(const assay_tree_run *run, const float *columns, float *sum);

/// Adds the leaves of a run to `sums[0 ..< 16 * block_count]`. `columns` holds blocks of 16 rows, column after column:
/// row `r` of block `b` has its column `c` at `columns[b * block_stride + 16 * c + r]`.
/// Only where `assay_trees_has_block_kernel`. Reads up to two bytes behind the last column.
void assay_trees_block(const assay_tree_run *run, const float *columns, size_t block_stride, size_t block_count,
                       float *sums);

/// Adds the leaves of walked trees with these roots to `sums[0 ..< row_count]`; row `r` has its column `c` at
/// `columns[r * row_stride + c * column_stride]`.
void assay_trees_walk(const assay_walk_node *nodes, const uint32_t *roots, size_t tree_count, const float *columns,
                      size_t row_stride, size_t column_stride, size_t row_count, float *sums);

/// Has the kernel begin to write the dirty pages of a range to the disk (sync_file_range(2), which Glibc's module lacks), without
/// waiting for them and without any promise. 0, or a negative errno.
int assay_start_writeback(int file, int64_t at, int64_t length);
