using Transcoder.Host.Verbs;

// Every verb of the program, in the order of the help.
Verb[] verbs =
[
    ServeVerb.Serve(Console.Error),
    ConfigVerbs.Check(Console.Out, Console.Error),
    ConfigVerbs.Schema(Console.Out),
    UrlVerb.Sign(Console.Out, Console.Error, TimeProvider.System),
    PublishVerb.Publish(Console.Out, Console.Error),
    WorkerVerb.Ingest(),
];

return await new CommandLine(verbs, Console.Out, Console.Error).RunAsync(args);
