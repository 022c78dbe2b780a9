"""Loss, optimiser and the training loop; gives back averaged parameters.

The loss is listwise: the softmax over everything the user has not seen should put its
mass on what is liked next. The user-vector part is cheap enough for the whole catalogue;
the whole model sees the next ten items and negatives drawn half from that softmax, half
evenly, corrected by the log of their odds of being drawn.
"""

from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import examples
import model
from data import ITEMS, Dataset, Timeline

NEVER = -1e9  # a logit that takes no part in a softmax


@dataclass(frozen=True)
class Options:
    seed: int = 1
    epochs: int = 26
    warm_epochs: int = 8  # the user-vector part alone, before attention joins
    learning_rate: float = 3e-3
    user_dropout: float = 0.4
    history_dropout: float = 0.1
    negatives: int = 48
    catalogue_weight: float = 0.1
    like_weight: float = 0.1  # liked against not liked among what was rated next
    averaging: float = 0.99
    sizes: model.Sizes = field(default_factory=model.Sizes)
    sampling: examples.Sampling = field(default_factory=examples.Sampling)


def fit(train: list[Timeline], dataset: Dataset, options: Options, report) -> dict:
    """`report(epoch, loss, params)` is called after each epoch with the averaged parameters."""
    counts = np.bincount(np.concatenate([t.items for t in train]), minlength=1 + ITEMS)
    params = model.init(options.sizes, counts, options.seed)
    rng = np.random.default_rng(options.seed)
    key = jax.random.PRNGKey(options.seed)
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = (params, zeros, zeros, params)
    steps = {warm: _make_step(dataset, options, warm) for warm in (True, False)}
    count = 0
    for epoch in range(options.epochs):
        losses = []
        if epoch == options.warm_epochs:
            params, first, second, average = state
            seeded = model.seed_attention(average, dataset)
            state = (params | seeded, first, second, average | seeded)
        rate = options.learning_rate * min(1, (epoch + 1) / 3) * (1 - 0.9 * epoch / options.epochs)
        step = steps[epoch < options.warm_epochs]
        for batch in examples.epoch(train, dataset, options.sizes.history, options.sampling, rng):
            count += 1
            state, loss = step(state, batch, jax.random.fold_in(key, count), float(count), rate)
            losses.append(loss)
        mean = float(np.mean(losses))
        if not np.isfinite(mean):
            raise FloatingPointError(f"the loss diverged in epoch {epoch + 1}: lower the learning rate")
        report(epoch, mean, state[3])
    return jax.tree.map(np.asarray, state[3])


def _make_step(dataset: Dataset, options: Options, warm: bool):
    loss = partial(_loss, dataset=dataset, options=options, warm=warm)

    @jax.jit
    def step(state, batch, key, count, rate):
        """Adam (Kingma & Ba 2015) and an exponential average of the parameters."""
        params, first, second, average = state
        value, grad = jax.value_and_grad(loss)(params, batch, key)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, grad)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, grad)
        mend1, mend2 = 1 - 0.9**count, 1 - 0.999**count
        params = jax.tree.map(
            lambda p, m, v: p - rate * (m / mend1) / (jnp.sqrt(v / mend2) + 1e-8), params, first, second
        )
        keep = options.averaging
        average = jax.tree.map(lambda a, p: keep * a + (1 - keep) * p, average, params)
        return (params, first, second, average), value

    return step


def _loss(params, batch, key, *, dataset: Dataset, options: Options, warm: bool):
    drop_history, drop_user, draw = jax.random.split(key, 3)
    keep = jax.random.bernoulli(drop_history, 1 - options.history_dropout, batch["history"].shape)
    inputs = {
        "history": batch["history"] * keep,
        "history_ratings": batch["history_ratings"] * keep,
        "profile": batch["profile"],
        "context": batch["context"],
    }
    user = model.user_vector(params, dataset, inputs)
    kept = jax.random.bernoulli(drop_user, 1 - options.user_dropout, user.shape)
    user = user * kept / (1 - options.user_dropout)
    catalogue = jnp.where(batch["barred"], NEVER, model.catalogue_logits(params, dataset, user))
    whole = _listwise(catalogue, batch["target"])
    if warm:
        return whole
    window = batch["window"]
    negatives, odds = _draw_negatives(draw, catalogue, batch, options.negatives)
    candidates = jnp.concatenate([window, negatives], 1)
    logits = jnp.take_along_axis(catalogue, candidates, 1)
    logits = logits + model.attention_logits(params, dataset, inputs, user, candidates)
    target = jnp.take_along_axis(batch["target"], window, 1)
    in_window = (negatives[:, :, None] == window[:, None, :]).any(-1)
    corrected = jnp.where(in_window, NEVER, logits[:, window.shape[1] :] - odds)
    nearby = logits[:, : window.shape[1]]
    sampled = jnp.concatenate([nearby, corrected], 1)
    padded = jnp.concatenate([target, jnp.zeros_like(corrected)], 1)
    liked = _listwise(nearby, (target == 1).astype(jnp.float32))
    return _listwise(sampled, padded) + options.catalogue_weight * whole + options.like_weight * liked


def _listwise(logits, target):
    chosen = jnp.where(target > 0, target * jax.nn.log_softmax(logits, -1), 0)
    return -chosen.sum() / jnp.maximum(target.sum(), 1)


def _draw_negatives(key, catalogue, batch, count: int):
    """Items int32 [batch, count] and the log of how often each is expected in the draw.

    A barred item has no odds; rounding may draw one nevertheless, and the floor keeps the
    logarithm finite (its logit stays out of reach).
    """
    even = jax.nn.softmax(jnp.where(batch["barred"], NEVER, 0.0), -1)
    odds = jax.lax.stop_gradient(0.5 * jax.nn.softmax(catalogue, -1) + 0.5 * even)
    keys = jax.random.split(key, odds.shape[0])
    drawn = jax.vmap(lambda k, p: jax.random.choice(k, p.shape[0], (count,), p=p))(keys, odds)
    return drawn, jnp.log(count * jnp.maximum(jnp.take_along_axis(odds, drawn, 1), 1e-12))
