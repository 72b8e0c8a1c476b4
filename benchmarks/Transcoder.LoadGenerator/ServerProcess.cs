using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Transcoder.LoadGenerator;

/// <summary>A server on loopback with a configuration of its own in a temporary folder; killed and swept up at the end.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly string _folder;

    private ServerProcess(string name, Process process, string folder, int port)
    {
        Name = name;
        _process = process;
        _folder = folder;
        Port = port;
        Application = $"rtmp://127.0.0.1:{port}/live";
        Figures = new ProcessFigures(process.Id);
    }

    public string Name { get; }

    public int Port { get; }

    public string Application { get; }

    public ProcessFigures Figures { get; }

    /// <param name="server">NAME=PROGRAM: nginx runs the RTMP module, a .js file is node-media-server's, any other is transcoder, with its latency behind an @.</param>
    public static Task<ServerProcess> StartAsync(string server)
    {
        var (name, program) = server.Split('=', 2) is [var before, var behind] ? (before, behind) : throw new ArgumentException($"'{server}' is not NAME=PROGRAM");
        return Path.GetFileName(program) == "nginx" ? NginxAsync(name, program)
            : program.EndsWith(".js", StringComparison.Ordinal) ? NodeAsync(name, program)
            : TranscoderAsync(name, program);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static Task<ServerProcess> TranscoderAsync(string name, string program)
    {
        var (rtmp, http) = (FreePort(), FreePort());
        var parts = program.Split('@', 2);
        var app = parts.Length == 2 ? $"{{ latency: {parts[1]} }}" : "{}";
        return StartAsync(name, rtmp, "transcoder.yaml", $$"""
            server:
              rtmp: { listen: "127.0.0.1:{{rtmp}}", max_connections: 20000 }
              http: { listen: "127.0.0.1:{{http}}" }
            apps:
              live: {{app}}
            workers: { spare: 0 }
            log: { level: error }
            """, file => new ProcessStartInfo(parts[0], ["serve", "--config", file]));
    }

    private static Task<ServerProcess> NginxAsync(string name, string program)
    {
        var rtmp = FreePort();
        return StartAsync(name, rtmp, "nginx.conf", $$"""
            load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
            daemon off;
            master_process off;
            worker_rlimit_nofile 20000;
            pid nginx.pid;
            error_log stderr crit;
            events { worker_connections 16384; }
            rtmp { access_log off; server { listen 127.0.0.1:{{rtmp}}; application live { live on; } } }
            """, file => new ProcessStartInfo(program, ["-p", Path.GetDirectoryName(file)!, "-c", file]));
    }

    private static Task<ServerProcess> NodeAsync(string name, string script)
    {
        var rtmp = FreePort();
        return StartAsync(name, rtmp, "config.json", $$"""
            { "bind": "127.0.0.1", "rtmp": { "port": {{rtmp}} } }
            """, file => new ProcessStartInfo("node", [Path.GetFullPath(script), "--config", file, "--no-admin"]) { RedirectStandardOutput = true });
    }

    private static async Task<ServerProcess> StartAsync(string name, int port, string fileName, string configuration, Func<string, ProcessStartInfo> command)
    {
        var folder = Directory.CreateTempSubdirectory("transcoder-load-").FullName;
        var file = Path.Combine(folder, fileName);
        await File.WriteAllTextAsync(file, configuration);
        var start = command(file);
        start.WorkingDirectory = folder;
        var process = Process.Start(start)!;
        if (start.RedirectStandardOutput)
        {
            // Read and dropped, so that a talkative server does not stand still.
            process.OutputDataReceived += static (_, _) => { };
            process.BeginOutputReadLine();
        }

        var server = new ServerProcess(name, process, folder, port);
        var started = Stopwatch.GetTimestamp();
        while (!await AnswersAsync(port))
        {
            if (process.HasExited || Stopwatch.GetElapsedTime(started) > StartTimeout)
            {
                await server.DisposeAsync();
                throw new InvalidOperationException($"{name} did not start");
            }

            await Task.Delay(50);
        }

        return server;
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        using var probe = new TcpClient();
        try
        {
            await probe.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            // Not listening yet.
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
