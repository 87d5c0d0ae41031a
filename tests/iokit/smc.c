/* SPDX-License-Identifier: MIT */
/*
 * smc - asks for keys by way of one method with one struct; what is wrong with a key is in
 * the struct, not in the result
 */
#include "client.h"

#define KERNEL_INDEX_SMC	2

enum {
	SMC_CMD_READ_BYTES = 5,
	SMC_CMD_WRITE_BYTES = 6,
	SMC_CMD_READ_KEYINFO = 9
};

typedef struct {
	uint32_t key;
	struct {
		uint8_t major, minor, build, reserved;
		uint16_t release;
	} vers;
	struct {
		uint16_t version, length;
		uint32_t cpuPLimit, gpuPLimit, memPLimit;
	} pLimitData;
	struct {
		uint32_t dataSize, dataType;
		uint8_t dataAttributes;
	} keyInfo;
	uint8_t result, status, data8;
	uint32_t data32;
	uint8_t bytes[32];
} SMCKeyData_t;

_Static_assert(sizeof(SMCKeyData_t) == 80, "the driver's struct");

static uint32_t key_of(const char *text)
{
	uint32_t key = 0;

	for (int i = 0; i < 4; i++)
		key = key << 8 | (uint8_t)text[i];
	return key;
}

static kern_return_t smc_call(io_connect_t connect, SMCKeyData_t *in, SMCKeyData_t *out)
{
	size_t size = sizeof(*out);

	return IOConnectCallStructMethod(connect, KERNEL_INDEX_SMC, in, sizeof(*in), out, &size);
}

static kern_return_t smc_info(io_connect_t connect, const char *key, SMCKeyData_t *out)
{
	SMCKeyData_t in = { .key = key_of(key), .data8 = SMC_CMD_READ_KEYINFO };

	return smc_call(connect, &in, out);
}

static kern_return_t smc_run(io_connect_t connect, const char *key, uint8_t command, uint32_t size,
			     SMCKeyData_t *data)
{
	data->key = key_of(key);
	data->keyInfo.dataSize = size;
	data->data8 = command;
	return smc_call(connect, data, data);
}

static void read_key(io_connect_t connect, const char *key)
{
	SMCKeyData_t info = { 0 }, data = { 0 };

	must("key info", smc_info(connect, key, &info));
	if (info.result != 0) {
		printf("%s: key result %#x\n", key, info.result);
		return;
	}
	must("read", smc_run(connect, key, SMC_CMD_READ_BYTES, info.keyInfo.dataSize, &data));
	printf("%s: %c%c%c%c,", key, (int)(info.keyInfo.dataType >> 24),
	       (int)(info.keyInfo.dataType >> 16 & 0xff), (int)(info.keyInfo.dataType >> 8 & 0xff),
	       (int)(info.keyInfo.dataType & 0xff));
	for (uint32_t i = 0; i < info.keyInfo.dataSize; i++)
		printf(" %02x", data.bytes[i]);
	printf("\n");
}

int main(void)
{
	io_connect_t connect = open_class("AppleSMC", 0);
	SMCKeyData_t data = { .bytes = { 7 } };
	size_t size = sizeof(data);

	read_key(connect, "TC0P");
	read_key(connect, "FNum");
	read_key(connect, "#KEY");
	read_key(connect, "nope");
	must("write", smc_run(connect, "FNum", SMC_CMD_WRITE_BYTES, 1, &data));
	printf("write: key result %#x\n", data.result);
	read_key(connect, "FNum");
	must("write", smc_run(connect, "FNum", SMC_CMD_WRITE_BYTES, 3, &data));
	printf("write of another size: key result %#x\n", data.result);
	say("79 bytes", IOConnectCallStructMethod(connect, KERNEL_INDEX_SMC, &data,
						  sizeof(data) - 1, &data, &size));
	say("another method", IOConnectCallStructMethod(connect, 1, NULL, 0, NULL, NULL));
	say("IOServiceClose", IOServiceClose(connect));
	return EXIT_SUCCESS;
}
