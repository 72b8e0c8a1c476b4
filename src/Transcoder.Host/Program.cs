using Transcoder.Host.Verbs;

// Every verb of the program, in the order of the help.
Verb[] verbs =
[
    ConfigVerbs.Check(Console.Out, Console.Error),
    ConfigVerbs.Schema(Console.Out),
];

return await new CommandLine(verbs, Console.Out, Console.Error).RunAsync(args);
