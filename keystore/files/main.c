/* signet-files */
int main(void)
{
	return 2;
}
