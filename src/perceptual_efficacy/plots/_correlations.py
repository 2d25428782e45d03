"""How figures write a rank correlation over channels."""

import numpy as np
import pandas as pd

from perceptual_efficacy.plots import style


def correlation(rows: pd.DataFrame) -> str:
    """Write the correlation of the first row with its interval, if it has one."""
    rho, low, high = rows[["rho", "rho_low", "rho_high"]].iloc[0]
    interval = f" [{style.signed(low, '.2f')}, {style.signed(high, '.2f')}]" if np.isfinite(low) else ""
    return f"ρ = {style.signed(rho, '.2f')}{interval}"


def place(rows: pd.DataFrame) -> str:
    """Write where the correlation of the first row lies among shuffles."""
    p = rows["p"].iloc[0]
    return "p < 0.001" if p < 0.001 else f"p = {style.signed(p, '.2g')}"
