"""A general model as it is. The config that inherits this names its class and, in `weights`, its folder."""

pair = "both_in_turn"  # what is done with both cameras: the answer of the better score; or side_by_side, one image
model = dict(type="ZeroShotGrounder", modality="$modality", pair="$pair", general="$general")
