using Transcoder.Host.Serving;
using Transcoder.Host.Verbs;

// What arrives goes on on the thread that waits for sockets: with a packet every ten milliseconds, waking another thread for it would be a third of the daemon's work.
// The runtime reads this when the first socket is used. Only where nothing blocks, so not in the workers, which inherit the daemon's environment.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", args is ["serve", ..] ? "1" : null);

if (args is ["serve", ..])
{
    NativeHeap.KeepSmall();
}

// Every verb of the program, in the order of the help.
Verb[] verbs =
[
    ServeVerb.Serve(Console.Error),
    ConfigVerbs.Check(Console.Out, Console.Error),
    ConfigVerbs.Schema(Console.Out),
    DeviceVerbs.Devices(Console.Out),
    DeviceVerbs.Doctor(Console.Out),
    CalibrateVerbs.Calibrate(Console.Out, Console.Error),
    UrlVerb.Sign(Console.Out, Console.Error, TimeProvider.System),
    PlanVerb.Plan(Console.Out, Console.Error),
    PublishVerb.Publish(Console.Out, Console.Error),
    WorkerVerb.Ingest(),
    DeviceVerbs.Probe(Console.Out, Console.Error),
    MonitorVerb.Monitor(Console.Out),
    CalibrateVerbs.Measure(Console.Out, Console.Error),
];

return await new CommandLine(verbs, Console.Out, Console.Error).RunAsync(args);
