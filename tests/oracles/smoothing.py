"""Plain numpy: slow, short, and easy to believe."""

from __future__ import annotations

import numpy as np


def edge_weights(bands, valid, scale):
    rows, cols = valid.shape
    right, down = np.zeros((rows, cols)), np.zeros((rows, cols))
    alike = np.exp(-((np.diff(bands, axis=2) / scale[:, None, None]) ** 2).mean(axis=0))
    right[:, :-1] = alike * (valid[:, 1:] & valid[:, :-1])
    alike = np.exp(-((np.diff(bands, axis=1) / scale[:, None, None]) ** 2).mean(axis=0))
    down[:-1] = alike * (valid[1:] & valid[:-1])
    return right, down


def diffuse_once(given, current, right, down, pull):
    total, weight = given.astype(float), np.ones(given.shape)
    total[:, 1:] += pull * right[:, :-1] * current[:, :-1]
    weight[:, 1:] += pull * right[:, :-1]
    total[:, :-1] += pull * right[:, :-1] * current[:, 1:]
    weight[:, :-1] += pull * right[:, :-1]
    total[1:] += pull * down[:-1] * current[:-1]
    weight[1:] += pull * down[:-1]
    total[:-1] += pull * down[:-1] * current[1:]
    weight[:-1] += pull * down[:-1]
    return total / weight
