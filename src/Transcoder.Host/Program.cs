using Transcoder.Host.Verbs;

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
