using System.Globalization;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Transcoder.Benchmarks;

if (args is ["gate", var expectations])
{
    return AllocationGate.Run(expectations, Console.Out);
}

if (args is ["placement"])
{
    CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
    return Transcoder.Benchmarks.Streams.Placing.PlacementSimulation.Run(Console.Out);
}

// In this process: BenchmarkDotNet's generated projects would need rules of their own among the repository's.
var job = Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance);
var config = ManualConfig.Create(DefaultConfig.Instance).AddJob(job).AddDiagnoser(BenchmarkDotNet.Diagnosers.MemoryDiagnoser.Default)
    .WithCultureInfo(CultureInfo.InvariantCulture).WithOption(ConfigOptions.JoinSummary, true);
var summaries = BenchmarkSwitcher.FromAssembly(typeof(AllocationGate).Assembly).Run(args is [] ? ["--filter", "*"] : args, config);
return summaries.Any(summary => summary.HasCriticalValidationErrors) ? 1 : 0;
