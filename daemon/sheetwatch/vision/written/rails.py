"""Where the printed lines of ruled or squared paper run, by their period, also where writing hides them.

Fourier analysis of windows of the page gives the period of the lines' pieces; complex demodulation with it their phase,
which changes slowly over a page, however the sheet lies, is bent or was seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Mask = npt.NDArray[np.uint8]
    Real = npt.NDArray[np.float32]
    Spectrum = npt.NDArray[np.float64]

_WINDOW = 256  # pixels of the parts of a page whose spectra are added
_SIZE = 2 * _WINDOW  # of a spectrum
_LONGEST, _SHORTEST = 60.0, 7.0  # pixels between two lines
_STEEPEST = 0.2  # rise over run
_FEW = 20  # pixels of line; a window with fewer says nothing
_PROMINENT = (3.0, 2.0)  # times the power around: the family's frequency and its double; writing reaches neither
_AROUND = 0.35  # of the frequency
_LEAST_MEAN = 0.2  # pixels of line in each period, over the whole page
_ACROSS, _ALONG = 1.6, 0.7  # periods over which the phase is averaged
_COARSE = 4
_LEAST_COHERENCE = 0.5  # of the pieces around; writing is in step with nothing
_LEAST_FILL = 0.35  # pixels of line in each period around
_HALF_WIDTH = 1.2  # pixels beside a line's middle


def find_rails(pieces: Mask) -> Mask:
    """Where a family of nearly level, evenly spaced lines runs: uint8 of the same shape, 1 = on a line.

    pieces: uint8 (H, W), 1 = on something thin, level and straight, be it line or stroke.
    """
    rise, run = _frequency(_power(pieces))
    if rise == 0.0 or pieces.mean() < _LEAST_MEAN * rise:
        return np.zeros_like(pieces)
    rows, columns = np.mgrid[: pieces.shape[0], : pieces.shape[1]].astype(np.float32)
    angle = (2 * np.pi * (rise * rows + run * columns)).astype(np.float32)
    real, imaginary = pieces * np.cos(angle), pieces * np.sin(angle)
    period = 1.0 / rise
    cos, sin, all_of = (_around(values.astype(np.float32), period) for values in (real, imaginary, pieces))
    off = np.angle(np.exp(1j * angle) * (cos - 1j * sin))
    clear = np.hypot(cos, sin) > _LEAST_COHERENCE * np.maximum(all_of, 1e-6)
    clear &= all_of * period > _LEAST_FILL
    return np.asarray(clear & (np.abs(off) < 2 * np.pi * _HALF_WIDTH / period), dtype=np.uint8)


def _around(values: Real, period: float) -> Real:
    """The mean of what is around each pixel: a normal window of so many periods."""
    rows, columns = values.shape
    size = (max(1, columns // _COARSE), max(1, rows // _COARSE))
    coarse = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    even = cv2.GaussianBlur(coarse, (0, 0), _ALONG * period / _COARSE, sigmaY=_ACROSS * period / _COARSE)
    return np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _frequency(power: Spectrum) -> tuple[float, float]:
    """Lines per row and per column of the strongest family; zeros where there is none.

    power: (512, 512), the frequency 0 in its middle. Thin lines have their frequency's double too.
    """
    best, found = 0.0, (0, 0)
    for row in range(int(_SIZE / _LONGEST), int(_SIZE / _SHORTEST) + 1):
        reach = int(_STEEPEST * row) + 1
        columns = np.arange(-reach, reach + 1)
        own = power[_WINDOW + row, _WINDOW + columns]
        peak = own >= np.maximum(power[_WINDOW + row - 1, _WINDOW + columns], power[_WINDOW + row + 1, _WINDOW + columns])
        both = np.where(peak, np.minimum(own, power[_WINDOW + 2 * row, _WINDOW + 2 * columns]), 0.0)
        if both.max() > best:
            best, found = float(both.max()), (row, int(columns[both.argmax()]))
    row, column = found
    if best == 0.0 or _prominence(power, row, column, 1) < _PROMINENT[0] or _prominence(power, row, column, 2) < _PROMINENT[1]:
        return 0.0, 0.0
    return row / _SIZE, column / _SIZE


def _prominence(power: Spectrum, row: int, column: int, times: int) -> float:
    """How many times the mean power around it a frequency's multiple has."""
    reach = max(3, int(_AROUND * row))
    y, x = _WINDOW + times * row, _WINDOW + times * column
    around = power[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    return float(power[y, x] / around.mean())


def _power(pieces: Mask) -> Spectrum:
    """The power spectrum, (512, 512), the frequency 0 in its middle, averaged over windows (Welch 1967)."""
    rows, columns = (max(0, _WINDOW - side) for side in pieces.shape)
    padded = cv2.copyMakeBorder(pieces, 0, rows, 0, columns, cv2.BORDER_CONSTANT).astype(np.float64)
    taper = np.outer(np.hanning(_WINDOW), np.hanning(_WINDOW))
    half = np.zeros((_SIZE, _WINDOW + 1))
    for top in range(0, padded.shape[0] - _WINDOW + 1, _WINDOW // 2):
        for left in range(0, padded.shape[1] - _WINDOW + 1, _WINDOW // 2):
            part = padded[top : top + _WINDOW, left : left + _WINDOW]
            if part.sum() >= _FEW:
                half += np.abs(np.fft.rfft2((part - part.mean()) * taper, (_SIZE, _SIZE))) ** 2
    right = np.fft.fftshift(half, axes=0)[:, :_WINDOW]
    power = np.zeros((_SIZE, _SIZE))
    power[:, _WINDOW:] = right
    power[1:, 1:_WINDOW] = right[:0:-1, :0:-1]  # a real picture's spectrum is the same on both sides
    return np.asarray(cv2.GaussianBlur(power, (3, 3), 0))
