// Each test boots daemons and encodes: two at once on two cores would measure each other.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]
