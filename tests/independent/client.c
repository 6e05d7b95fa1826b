/* Runs signatures of a SavedModel through TensorFlow's C library alone, without Python.
 *
 *     client FOLDER < requests > answers
 *
 * A request, all of it words and numbers between white space:
 *     inputs N   N times: OPERATION INDEX TYPE RANK DIMENSIONS... VALUES...
 *     outputs M  M times: OPERATION INDEX
 * An answer: M times TYPE RANK DIMENSIONS... VALUES..., then a line "end".
 * TYPE is TensorFlow's number of it; a string is "x" and its bytes in hexadecimal digits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

enum { MOST = 16, WORD = 1 << 22 };

static char word[WORD];

static void fail(const char* message) {
  fprintf(stderr, "%s\n", message);
  exit(1);
}

static void check(TF_Status* status) {
  if (TF_GetCode(status) != TF_OK) fail(TF_Message(status));
}

static const char* next(void) {
  if (scanf("%4194303s", word) != 1) fail("A request ends too early.");
  return word;
}

static TF_Output operation(TF_Graph* graph) {
  TF_Output output;
  output.oper = TF_GraphOperationByName(graph, next());
  if (!output.oper) fail(word);
  output.index = atoi(next());
  return output;
}

static void read_string(TF_TString* target) {
  const char* digits = next() + 1;
  size_t size = strlen(digits) / 2;
  char* bytes = malloc(size + 1);
  for (size_t i = 0; i < size; i++) {
    char pair[3] = {digits[2 * i], digits[2 * i + 1], 0};
    bytes[i] = (char)strtol(pair, NULL, 16);
  }
  TF_TString_Init(target);
  TF_TString_Copy(target, bytes, size);
  free(bytes);
}

static TF_Tensor* read_tensor(void) {
  TF_DataType type = (TF_DataType)atoi(next());
  int rank = atoi(next());
  int64_t dimensions[MOST], count = 1;
  for (int i = 0; i < rank; i++) count *= dimensions[i] = atoll(next());
  size_t size = type == TF_STRING ? sizeof(TF_TString) : TF_DataTypeSize(type);
  TF_Tensor* tensor = TF_AllocateTensor(type, dimensions, rank, count * size);
  void* data = TF_TensorData(tensor);
  for (int64_t i = 0; i < count; i++) {
    if (type == TF_STRING) read_string((TF_TString*)data + i);
    else if (type == TF_FLOAT) ((float*)data)[i] = strtof(next(), NULL);
    else if (type == TF_INT32) ((int32_t*)data)[i] = atoi(next());
    else if (type == TF_UINT8) ((uint8_t*)data)[i] = (uint8_t)atoi(next());
    else fail("An input is of a type that this client does not write.");
  }
  return tensor;
}

static void write_string(const TF_TString* source) {
  const char* bytes = TF_TString_GetDataPointer(source);
  putchar('x');
  for (size_t i = 0; i < TF_TString_GetSize(source); i++) printf("%02x", (unsigned char)bytes[i]);
}

static void write_tensor(TF_Tensor* tensor) {
  TF_DataType type = TF_TensorType(tensor);
  int rank = TF_NumDims(tensor);
  int64_t count = TF_TensorElementCount(tensor);
  const void* data = TF_TensorData(tensor);
  printf("%d %d", type, rank);
  for (int i = 0; i < rank; i++) printf(" %lld", (long long)TF_Dim(tensor, i));
  for (int64_t i = 0; i < count; i++) {
    putchar(' ');
    if (type == TF_STRING) write_string((const TF_TString*)data + i);
    else if (type == TF_FLOAT) printf("%.9g", ((const float*)data)[i]);
    else if (type == TF_INT32) printf("%d", ((const int32_t*)data)[i]);
    else if (type == TF_BOOL) printf("%d", ((const unsigned char*)data)[i]);
    else fail("An output is of a type that this client does not read.");
  }
  putchar('\n');
}

static int answer(TF_Graph* graph, TF_Session* session, TF_Status* status) {
  if (scanf("%4194303s", word) != 1) return 0; /* no further request */
  int inputs = atoi(next());
  TF_Output from[MOST], to[MOST];
  TF_Tensor *given[MOST], *found[MOST];
  if (inputs > MOST) fail("Too many inputs.");
  for (int i = 0; i < inputs; i++) {
    from[i] = operation(graph);
    given[i] = read_tensor();
  }
  next();
  int outputs = atoi(next());
  if (outputs > MOST) fail("Too many outputs.");
  for (int i = 0; i < outputs; i++) to[i] = operation(graph);
  TF_SessionRun(session, NULL, from, given, inputs, to, found, outputs, NULL, 0, NULL, status);
  check(status);
  for (int i = 0; i < outputs; i++) write_tensor(found[i]);
  puts("end");
  return 1;
}

int main(int count, char** arguments) {
  if (count != 2) fail("usage: client FOLDER");
  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  const char* tags[] = {"serve"};
  TF_Session* session =
      TF_LoadSessionFromSavedModel(options, NULL, arguments[1], tags, 1, graph, NULL, status);
  check(status);
  while (answer(graph, session, status)) {
  }
  TF_CloseSession(session, status);
  return 0;
}
