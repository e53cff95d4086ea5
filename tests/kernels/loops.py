"""Long runs of single kernels, compiled: a call from Python costs more than the kernel."""

from __future__ import annotations

from gibbs.kernels.arrays import copy_to
from gibbs.kernels.by_rows import core_levels, make_room, move_by_rows
from gibbs.kernels.compiling import kernel, loop
from gibbs.kernels.covariance import draw_covariance_ancillary, draw_covariance_sufficient, propose_wishart, residual_rhs
from gibbs.kernels.gaussian import draw_residual_sd
from gibbs.kernels.hyper import draw_hyper
from gibbs.kernels.latent import draw_student_scales
from gibbs.kernels.layout import Levels, Target
from gibbs.kernels.location import copy_core_factors, draw_core, draw_unit
from gibbs.kernels.own_law import move_by_own_law

from gibbs.kernels import joint_scales, row_moves


@loop
def run_location(rng, layout, unit, work, sigma, core, u, out_core, out_u):
    """Draws of (core, unit); ``unit`` −1: the core alone."""
    for i in range(out_core.shape[0]):
        draw_core(rng, layout, work, sigma, core)
        if unit >= 0:
            draw_unit(rng, layout, unit, work, sigma, core, u)
        copy_core_factors(layout, core, u)
        copy_to(core, out_core[i])
        copy_to(u, out_u[i])


@loop
def run_sufficient(rng, layout, t, priors, u, L, reference, work, out):
    """out (n, length of L) ← L after each update given u."""
    for i in range(out.shape[0]):
        draw_covariance_sufficient(rng, layout, t, priors, u, L, reference, work)
        copy_to(L, out[i])


@loop
def run_ancillary(rng, layout, gram, t, priors, L, u, sigma, residual, work, out):
    """out (n, length of L) ← L after each update given e."""
    for i in range(out.shape[0]):
        draw_covariance_ancillary(rng, layout, gram, t, priors, L, u, sigma, residual, work)
        copy_to(L, out[i])


@loop
def run_residual_sd(rng, scale_prior, n, squares, sigma, out):
    """out (n,) ← σ after each update."""
    for i in range(out.size):
        sigma = draw_residual_sd(rng, scale_prior, n, squares, sigma)
        out[i] = sigma


@loop
def run_student_scales(rng, scale_prior, y, eta, sigma, nu, width, out):
    """out (n, 2) ← (σ, ν) after each update."""
    for i in range(out.shape[0]):
        draw_student_scales(rng, scale_prior, y, eta, sigma, nu, width)
        out[i, 0], out[i, 1] = sigma[0], nu[0]


@loop
def run_hyper(rng, move, learn, coordinates, count, priors, layout, gram, target, work, L, sigma, out_L, out_sigma):
    """Rows of ``out_L``, ``out_sigma`` ← L, σ after each move; returns (all ok, σ, rest and target of the last).

    ``target.known`` not nan: the target at the start, and each move is handed that of the move before.
    """
    rest, reached, hand_over = 0.0, target.known, target.known == target.known
    for i in range(out_sigma.size):
        known = reached if hand_over else target.known
        now = Target(target.core_only, target.n, target.yy, target.prior_quadratic, known)
        ok, sigma, rest, reached = draw_hyper(rng, move, learn, coordinates, count, priors, layout, gram, now, work, L, sigma)
        if not ok:
            return False, sigma, rest, reached
        copy_to(L, out_L[i])
        out_sigma[i] = sigma
    return True, sigma, rest, reached


@loop
def run_wishart(rng, layout, t, priors, u, L, work, out):
    """out (n, length of L) ← L after each proposal given u; returns how many were accepted."""
    accepted = 0
    for i in range(out.shape[0]):
        accepted += propose_wishart(rng, layout, t, priors, u, L, work)
        copy_to(L, out[i])
    return accepted


@loop
def run_own_law(rng, data, cut, layout, chosen, own_rows, state, small, at, thin, out):
    """out (n, columns of a level) ← the effects from place ``at`` on, after every ``thin`` moves of the levels that are chosen."""
    for i in range(out.shape[0]):
        for _ in range(thin):
            move_by_own_law(rng, data, 1.0, cut, layout, chosen, own_rows, state, small)
        copy_to(state.u[at : at + out.shape[1]], out[i])


# Parts of the moves by rows.


@kernel
def joint_parts(layout, unit, gram, state, work, H, gradient):
    """H and the gradient (σ = 1) of γ = (β, sds) into (size, size) and (size,) arrays; returns the number of sds."""
    room, p = make_room(layout, work), work.B.shape[0]
    n = joint_scales._name_sds(layout, unit, state.L, state.u, room)
    joint_scales._core_products(gram, p, n, room)
    for pos in range(layout.units.shape[1] if unit >= 0 else 0):
        if layout.units[unit, pos] >= 0:
            joint_scales._unit_products(layout, gram, unit, pos, p, room)
    joint_scales._slopes(layout, gram, unit, p, n, 1.0, state, room)
    for a in range(p + n):
        gradient[a] = room.gamma[joint_scales.GRADIENT, a]
        for b in range(a + 1):
            H[a, b] = room.joint[a, b]
            H[b, a] = room.joint[a, b]
    return n


@kernel
def _levels(layout, unit, pos, gram, state, room):
    f = layout.units[unit, pos] if pos >= 0 else layout.core_factors[-1 - pos]
    if pos < 0:
        return core_levels(layout, gram, f, state.core, state.u, unit, room)
    residual_rhs(layout, gram, unit, pos, state.core, state.u, room.residual)
    return Levels(gram.node, layout.factor[f].g0, room.residual)


@kernel
def collapsed_parts(rng, layout, t, k, unit, pos, gram, state, work, points, values):
    """values ← ``log_collapsed`` of row k of term t at the (α, β) of ``points`` (n, 2); P and Q are left in ``work.small``.

    The term's factor is at ``pos`` of ``unit``; the core's k-th factor is at −1 − k.
    """
    room = make_room(layout, work)
    levels, J = _levels(layout, unit, pos, gram, state, room), layout.term[t].count
    q, l0, c, small = layout.term[t].width, layout.term[t].l0, room.levels, room.small
    row_moves.standardize(layout, t, state.L, state.u, room.effects)
    row_moves._take_out(layout, t, k, levels, state.L, state.u, room)
    s = row_moves.load_row(q, l0, k, state.L, small)
    if k > 0:
        row_moves.fresh_tangent(rng, k, small)
    row_moves._dot_effects(q, J, k, small[row_moves.WHOLE], room.effects, c[row_moves.T_WHOLE])
    row_moves._dot_effects(q, J, k, small[row_moves.TANGENT], room.effects, c[row_moves.T_TANGENT])
    i2 = 1.0 / state.sigma[0] ** 2
    for n in range(values.size):
        alpha, beta = points[n, 0], points[n, 1]
        diagonal = alpha * small[row_moves.WHOLE, k] + beta * small[row_moves.TANGENT, k]
        values[n] = row_moves.log_collapsed(J, c, alpha, beta, diagonal, i2)
    return s


@kernel
def row_priors(layout, t, priors, k, L, small, points, values):
    """values ← ``log_row_prior`` at the (α, β) of ``points``, P and Q as they stand in ``small``."""
    for n in range(values.size):
        values[n] = row_moves.log_row_prior(layout, t, priors, k, points[n, 0], points[n, 1], L, small)


@kernel
def residual_after(rng, layout, unit, pos, gram, priors, state, tuning, work, out):
    """One scan of the moves of every covariance of a factor; out (U,) ← the residual that it leaves."""
    room, held, backwards = make_room(layout, work), layout.term.shape[0] < 0, layout.term.shape[0] < 0  # no literals
    levels = _levels(layout, unit, pos, gram, state, room)
    f = layout.units[unit, pos] if pos >= 0 else layout.core_factors[-1 - pos]
    for t in range(layout.term.shape[0]):
        if layout.term[t].factor == f and layout.term[t].given == 0:
            row_moves.standardize(layout, t, state.L, state.u, room.effects)
            row_moves.move_rows_collapsed(
                rng, held, backwards, layout, t, priors, levels, state.L, state.u, state.sigma[0], tuning.reference, room
            )
            row_moves.turn_rows(rng, backwards, layout, t, priors, levels, state.L, state.u, state.sigma[0], room)
    for a in range(out.size):
        out[a] = room.residual[a]


@kernel
def rows_held(rng, backwards, layout, t, unit, pos, gram, priors, state, tuning, work):
    """The rows of term t, the noise of its effects held."""
    room, held = make_room(layout, work), layout.term.shape[0] > 0  # no literal
    levels = _levels(layout, unit, pos, gram, state, room)
    row_moves.standardize(layout, t, state.L, state.u, room.effects)
    row_moves.move_rows_collapsed(rng, held, backwards, layout, t, priors, levels, state.L, state.u, state.sigma[0], tuning.reference, room)


@kernel
def run_by_rows(rng, unit, layout, gram, priors, state, tuning, work, out_L, out_core):
    """Rows of ``out_L``, ``out_core`` ← L and the core after each round, e drawn by the moves alone."""
    held = unit < -1
    for i in range(out_L.shape[0]):
        move_by_rows(rng, unit, 1, held, layout, gram, priors, state, tuning.reference, work)
        copy_to(state.L, out_L[i])
        copy_to(state.core, out_core[i])


@kernel
def run_coefficients_and_sds(rng, layout, unit, gram, priors, state, work, out_core, out_u):
    """Rows of ``out_core``, ``out_u`` ← the core and u after each draw of the coefficients and sds."""
    room = make_room(layout, work)
    for i in range(out_core.shape[0]):
        joint_scales.draw_coefficients_and_sds(rng, layout, unit, gram, priors, state, room)
        copy_to(state.core, out_core[i])
        copy_to(state.u, out_u[i])


@kernel
def room_taken(layout, work):
    """Numbers of ``work.saved`` that ``make_room`` gave away."""
    room = make_room(layout, work)
    taken = room.levels.size + room.block.size + room.direction.size + room.core_direction.size + room.core_residual.size
    return taken + room.joint.size + room.gamma.size + room.precision.size + room.image.size
