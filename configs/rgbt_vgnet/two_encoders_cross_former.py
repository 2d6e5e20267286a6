"""Two encoders; thermal tokens ask the RGB ones and are replaced by the answer."""

_base_ = ["two_encoders_linear.py"]

neck = dict(_delete_=True, type="CrossFormer", width=512, residual=False, softmax=False)
