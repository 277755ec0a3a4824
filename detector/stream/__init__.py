"""The running plant: what is normal for it, learnt from its own normal run, and the verdict on each reactor."""
