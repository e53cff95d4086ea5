"""Λ of a field front by front, where its elimination fills: large maps, kin, several columns a level.

Columns of Λ that have one pattern below them are a front: s of them, and m rows below. With the rows and columns of both,

    F = (their part of Q) + Σ U of the fronts that end in its columns,        F = [Λ₁₁  0; Λ₂₁  I] [Λ₁₁'  Λ₂₁'; 0  U] ,

U = F₂₂ − Λ₂₁Λ₂₁' goes to the front in which the first of its rows is a column (multifrontal: Duff & Reid 1983; Liu 1992). F and U are
dense, so that sums go over neighbours in memory, four columns at a time, where an elimination row by row (``fields.py``) looks up every
number. Fronts stand in the order of the elimination, which is a postorder: the U of those that end in a front are the last of a stack.

``Fields.index`` has OF_FRONT numbers of every front and of one more, which says where lists end:

    FIRST, SIZE, BELOW   its first place, s and m
    CHILD, NEXT          the last front that ends in it, the one before it that ends where it does; −1: none
    PRIOR, GRAM          where its entries of R̃, and those of L'GL, begin (pairs: place in F; entry)
    UPDATE, PLACES       where U stands; where the places in F begin that its rows have in the front that it ends in
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import contracted

FIRST, SIZE, BELOW, CHILD, NEXT, PRIOR, GRAM, UPDATE, PLACES = range(9)
OF_FRONT = 9


@contracted
def factor_by_fronts(fields, of, G, first, variance, room):
    """room ← Λ by column and the inverses of its diagonal; L'GL of level j at ``G[first + j q²]``. Returns log|Q|."""
    index, value, log_det, product = fields.index, fields.value, 0.0, 1.0
    table, assembly, grams, places0, prior, columns = of.fronts0, of.assembly0, of.grams0, of.places0, of.prior0, of.columns0
    F, updates, lower, d = of.front0, of.updates0, of.lower0, of.diagonal0
    for row in range(table, table + OF_FRONT * of.fronts, OF_FRONT):
        s, m = index[row + SIZE], index[row + BELOW]
        n = s + m
        alone = s == 1 and index[row + CHILD] < 0  # F has its first column, and nothing else
        for i in range(np.uint64(F), np.uint64(F + (n if alone else n * n))):
            room[i] = 0.0
        for e in range(index[row + PRIOR], index[row + OF_FRONT + PRIOR]):
            room[F + index[assembly + 2 * e]] = variance * value[prior + index[assembly + 2 * e + 1]]
        for e in range(index[row + GRAM], index[row + OF_FRONT + GRAM]):
            room[F + index[grams + 2 * e]] += G[first + index[grams + 2 * e + 1]]
        child = index[row + CHILD]
        while child >= 0:
            below = table + OF_FRONT * child
            size, places, theirs = index[below + BELOW], places0 + index[below + PLACES], updates + index[below + UPDATE]
            for b in range(size):
                column, at = F + index[places + b] * n, theirs + b * size
                for a in range(np.uint64(b), np.uint64(size)):
                    room[np.uint64(column + index[np.uint64(places) + a])] += room[np.uint64(at) + a]
            child = index[below + NEXT]
        update = updates + index[row + UPDATE]
        for j in range(n):
            here, left = np.uint64(F + j * n + j), np.uint64(n - j)
            if s == 1 and j > 0:
                x, at_a, to = room[F + j], np.uint64(F + j), np.uint64(update + (j - 1) * (m + 1))
                if alone:
                    for i in range(left):
                        room[to + i] = -x * room[at_a + i]
                else:
                    for i in range(left):
                        room[to + i] = room[here + i] - x * room[at_a + i]
                continue
            known = min(j, s)
            k = 0
            while k + 4 <= known:
                a, b, c, e = F + k * n + j, F + (k + 1) * n + j, F + (k + 2) * n + j, F + (k + 3) * n + j
                x, y, z, w = room[a], room[b], room[c], room[e]
                at_a, at_b, at_c, at_e = np.uint64(a), np.uint64(b), np.uint64(c), np.uint64(e)
                for i in range(left):
                    room[here + i] -= x * room[at_a + i] + y * room[at_b + i] + z * room[at_c + i] + w * room[at_e + i]
                k += 4
            while k < known:
                x, at_a = room[F + k * n + j], np.uint64(F + k * n + j)
                for i in range(left):
                    room[here + i] -= x * room[at_a + i]
                k += 1
            if j < s:
                pivot, place = room[F + j * n + j], index[row + FIRST] + j
                inverse = 1.0 / math.sqrt(pivot) if pivot > 0.0 else np.nan
                room[d + place] = inverse
                product *= pivot
                if not 1e-200 < product < 1e200:
                    log_det += math.log(product) if product > 0.0 else np.nan
                    product = 1.0
                to = lower + index[columns + place] - 1
                for i in range(1, n - j):
                    room[F + j * n + j + i] *= inverse
                    room[to + i] = room[F + j * n + j + i]
            else:
                at_a = np.uint64(update + (j - s) * (m + 1))
                for i in range(left):
                    room[at_a + i] = room[here + i]
    return log_det + (math.log(product) if product > 0.0 else np.nan)
