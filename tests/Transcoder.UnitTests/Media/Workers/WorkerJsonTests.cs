using System.Text.Json;
using Transcoder.Media;
using Transcoder.Media.Workers;
using Xunit;

namespace Transcoder.UnitTests.Media.Workers;

public sealed class WorkerJsonTests
{
    [Theory]
    [InlineData("""{"Code":"shutdown"}""")]
    [InlineData("""{"Detail":"it failed"}""")]
    [InlineData("""{"Code":null,"Detail":"it failed"}""")]
    [InlineData("{}")]
    public void A_reason_that_lacks_a_part_is_refused(string json) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(json, WorkerJson.Default.Reason));

    [Theory]
    [InlineData("""{"Kind":"software"}""")]
    [InlineData("""{"Id":null,"Kind":"software"}""")]
    public void A_device_that_lacks_its_identity_is_refused(string json) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(json, WorkerJson.Default.DeviceRef));

    [Fact]
    public void A_reason_is_read_as_it_was_written()
    {
        var reason = new Reason(Reasons.EncoderFailed, "it failed");
        Assert.Equal(reason, JsonSerializer.Deserialize(JsonSerializer.Serialize(reason, WorkerJson.Default.Reason), WorkerJson.Default.Reason));
    }
}
