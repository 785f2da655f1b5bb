"""Apps that share an integrator's key: how their requests are recognised, and what data they accept."""
