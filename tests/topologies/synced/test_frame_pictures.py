"""Pictures of frames: features of different units, side by side."""

import numpy as np

from seqkit.topologies.synced.frames.pictures import in_range


def test_each_feature_is_drawn_in_its_own_range():
    features = np.array([[1.0, 200.0, 87.0, np.nan], [3.0, 100.0, 87.0, np.nan], [2.0, np.nan, 87.0, np.nan]])
    expected = [[0.0, 1.0, 0.0, np.nan], [1.0, 0.0, 0.0, np.nan], [0.5, np.nan, 0.0, np.nan]]
    np.testing.assert_array_equal(in_range(features), expected)
    assert in_range(features[:0]).shape == (0, 4)
